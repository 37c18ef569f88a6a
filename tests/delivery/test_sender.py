"""The thread that sends."""

from __future__ import annotations

import threading
import time

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from otelkit.delivery.sender import Sender
from tests.waiting import wait_until

pytestmark = pytest.mark.sdk


def soon(seconds: float = 20.0) -> float:
    return time.monotonic() + seconds


def test_a_job_is_done_elsewhere_and_answers() -> None:
    """On the sender's own thread, where instrumentation is switched off."""
    sender = Sender("test-sender")
    job = sender.submit(lambda: (threading.current_thread().name, is_instrumentation_enabled()))

    assert job is not None
    assert job.wait(soon)
    assert job.result == ("test-sender", False)
    assert not sender.busy
    sender.stop()
    wait_until(lambda: "test-sender" not in {thread.name for thread in threading.enumerate()})


def test_what_a_job_raises_is_told_and_the_next_one_is_done() -> None:
    """Even a SystemExit does not end the thread."""
    sender = Sender("test-sender")

    def leave() -> None:
        raise SystemExit(3)

    first, second = sender.submit(leave), sender.submit(lambda: 1)
    assert first is not None
    assert second is not None
    assert first.wait(soon)
    assert second.wait(soon)
    assert isinstance(first.error, SystemExit)
    assert second.result == 1
    sender.stop()


def test_waiting_ends_when_it_is_said_to() -> None:
    """The job goes on, and the sender is busy with it until it returns."""
    release = threading.Event()
    sender = Sender("test-sender")
    job = sender.submit(lambda: release.wait(20))

    assert job is not None
    assert not sender.stuck
    assert job.wait(time.monotonic) is False
    assert sender.busy
    assert sender.stuck
    release.set()
    wait_until(lambda: not sender.busy)
    assert not sender.stuck
    sender.stop()


def test_a_waiter_can_be_told_that_the_time_has_changed() -> None:
    """The program ends while somebody waits for an export."""
    release = threading.Event()
    until = [soon(60)]
    sender = Sender("test-sender")
    job = sender.submit(lambda: release.wait(60))
    answers: list[bool] = []
    assert job is not None
    waiter = threading.Thread(target=lambda: answers.append(job.wait(lambda: until[0])))
    waiter.start()
    until[0] = 0.0
    sender.wake()
    waiter.join(20)

    assert answers == [False]
    release.set()
    sender.stop()


def test_a_job_that_was_given_up_before_it_was_begun_is_never_done() -> None:
    """Otherwise a batch that has been spooled meanwhile would be sent too."""
    release = threading.Event()
    done: list[int] = []
    sender = Sender("test-sender")
    sender.submit(lambda: release.wait(20))
    queued = sender.submit(lambda: done.append(1))
    assert queued is not None
    assert queued.wait(lambda: 0.0) is False
    release.set()
    wait_until(lambda: not sender.busy)

    assert done == []
    sender.stop()


def test_waiting_may_be_without_an_end() -> None:
    """Infinity is a time like any other."""
    sender = Sender("test-sender")
    job = sender.submit(lambda: 1)
    assert job is not None

    assert job.wait(lambda: float("inf"))
    sender.stop()


def test_no_thread_means_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the interpreter shuts down; whoever asks does without."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    sender = Sender("test-sender")

    assert sender.start() is False
    assert sender.submit(lambda: 1) is None
    assert not sender.busy
