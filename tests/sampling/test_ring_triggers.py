"""Signals that make the ring send."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from otelkit.sampling.ring_triggers import SignalTrigger
from tests.forking import in_child


@pytest.fixture
def usual_handler() -> Iterator[None]:
    """Give the signal back as it was."""
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def joined() -> SignalTrigger:
    trigger = SignalTrigger("SIGUSR1")
    trigger.joined()
    return trigger


@pytest.mark.usefixtures("usual_handler")
def test_a_signal_is_left_alone_until_spans_come() -> None:
    """`otelkit plan` makes the trigger as well, in a program that has its own handlers."""
    before = signal.getsignal(signal.SIGUSR1)
    trigger = SignalTrigger("SIGUSR1")
    planned = signal.getsignal(signal.SIGUSR1)
    trigger.joined()

    assert before == planned != signal.getsignal(signal.SIGUSR1)


@pytest.mark.usefixtures("usual_handler")
def test_joining_twice_handles_it_once() -> None:
    """It does not take itself for the program's handler."""
    trigger = joined()
    trigger.joined()
    signal.raise_signal(signal.SIGUSR1)

    assert trigger.asks()


@pytest.mark.usefixtures("usual_handler")
def test_a_signal_asks_once() -> None:
    """The process lives on, and the next question is answered with no."""
    trigger = joined()
    before = trigger.asks()
    signal.raise_signal(signal.SIGUSR1)

    assert (before, trigger.asks(), trigger.asks()) == (False, True, False)


@pytest.mark.usefixtures("usual_handler")
def test_a_handler_of_the_program_is_called_as_well() -> None:
    """Whoever had the signal before keeps it."""
    seen: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    trigger = joined()
    signal.raise_signal(signal.SIGUSR1)

    assert seen == [signal.SIGUSR1]
    assert trigger.asks()


@pytest.mark.usefixtures("usual_handler")
def test_in_another_thread_it_says_that_it_can_do_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Only the main thread may handle signals; nothing breaks."""
    before = signal.getsignal(signal.SIGUSR1)
    made: list[SignalTrigger] = []
    thread = threading.Thread(target=lambda: made.append(joined()))
    thread.start()
    thread.join()

    assert signal.getsignal(signal.SIGUSR1) == before
    assert not made[0].asks()
    assert "sampling_keep_signal does nothing" in caplog.text


def test_an_unknown_signal_is_an_error() -> None:
    """Named, before anything is changed."""
    with pytest.raises(ValueError, match="SIGNOTHING"):
        SignalTrigger("SIGNOTHING")


@pytest.mark.usefixtures("usual_handler")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_has_not_received_what_its_parent_has() -> None:
    """Its own signals count."""
    trigger = joined()
    signal.raise_signal(signal.SIGUSR1)

    def child() -> list[bool]:
        trigger.in_child()
        first = trigger.asks()
        signal.raise_signal(signal.SIGUSR1)
        return [first, trigger.asks()]

    assert in_child(child) == [False, True]
    assert trigger.asks()
