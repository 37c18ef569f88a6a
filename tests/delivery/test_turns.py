"""The thread that sends, and who takes over from it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from otelkit.delivery.transport import Answer, Contact, Later, Taken
from otelkit.delivery.turns import Turn, Turns
from tests.delivery.carrier import Carrier
from tests.waiting import wait_until

pytestmark = pytest.mark.sdk


def turns(
    work: Callable[[Turn], None] = lambda turn: None, carrier: Carrier | None = None, limit_s: float = 30.0
) -> Turns:
    return Turns("sending", (carrier or Carrier()).make, limit_s, work, lambda: 60.0)


def ask(turn: Turn) -> None:
    turn.ask(b"x")


def held(go: threading.Event) -> Carrier:
    """Return a transport whose requests hang until ``go``."""

    def answer(body: bytes) -> Answer:
        assert go.wait(20)
        return Taken()

    return Carrier(answer)


def test_the_thread_starts_when_it_is_first_woken_and_works_at_each_ring() -> None:
    """One thread, started once, with the transport of its turn; it ends when it is nobody's turn."""
    carrier = Carrier()
    seen: list[str] = []

    def work(turn: Turn) -> None:
        if turn is some.current:
            turn.ask(b"x")
            seen.append(threading.current_thread().name)

    some = turns(work, carrier)
    before = some.current.thread
    for number in range(1, 4):
        some.wake()
        wait_until(partial(lambda number: len(seen) == number, number))
    old = some.retire()
    assert old.thread is not None
    old.thread.join(10)

    assert before is None
    assert (seen, carrier.made, carrier.closed) == (["sending"] * 3, 1, 1)
    assert not old.thread.is_alive()
    assert some.current.thread is None


def test_a_ring_during_the_work_is_heard_after_it() -> None:
    """Nothing that comes while the thread is busy waits for the next reason to look."""
    entered, go, done = threading.Event(), threading.Event(), threading.Event()
    times: list[None] = []

    def work(turn: Turn) -> None:
        times.append(None)
        if len(times) == 1:
            entered.set()
            assert go.wait(10)
        else:
            done.set()

    some = turns(work)
    some.wake()
    assert entered.wait(10)
    some.wake()
    go.set()

    assert done.wait(10)
    some.retire()


def test_an_attempt_never_raises() -> None:
    """Neither when the transport does nor when none can be made; the next attempt tries to make one again."""

    def answer(body: bytes) -> Answer:
        raise OSError("reset")

    carrier = Carrier(answer)
    made: list[None] = []

    def make() -> Carrier:
        made.append(None)
        if len(made) == 1:
            raise ImportError("no grpc")
        return carrier

    turn = Turn(make, 1.0)
    answers = [turn.ask(b"x"), turn.ask(b"x")]
    carrier.answer = lambda body: Taken()

    assert answers == [
        Later("ImportError: no grpc", contact=Contact.BROKEN),
        Later("OSError: reset", contact=Contact.BROKEN),
    ]
    assert turn.ask(b"x") == Taken()
    assert (len(made), turn.sending_since) == (2, None)


def test_closing_what_fails_to_close_is_quiet() -> None:
    """The program's end is no place for an exception of a library."""

    class Broken(Carrier):
        def make(self) -> Carrier:
            return self

        def close(self) -> None:
            raise RuntimeError("event loop is closed")

    turn = Turn(Broken().make, 1.0)
    turn.close()
    turn.ask(b"x")
    turn.close()

    assert turn.sending_since is None


def test_another_one_has_its_turn_when_one_hangs_and_not_before() -> None:
    """The one that hung keeps its transport, closes it when it comes back, and counts as stuck until then."""
    go = threading.Event()
    carrier = held(go)
    some = turns(ask, carrier, limit_s=0.01)
    idle = some.pass_on()
    some.wake()
    first = some.current
    wait_until(first.hangs)
    passed = (some.pass_on(), some.pass_on())
    stuck = some.stuck()
    go.set()
    wait_until(lambda: not some.stuck())

    assert (idle, passed) == (False, (True, False))
    assert stuck == [first]
    assert some.current is not first
    assert (some.current.thread, carrier.closed) == (None, 1)


def test_no_more_than_three_may_hang() -> None:
    """Each holds a thread and a connection; whoever asks is told to wait until one is back."""
    go = threading.Event()
    some = turns(ask, held(go), 0.01)
    found = []
    for _ in range(3):
        found.append(some.too_many_stuck())
        some.ring()
        some.start()
        wait_until(some.current.hangs)
        some.pass_on()
    found.append(some.too_many_stuck())
    go.set()
    wait_until(lambda: not some.too_many_stuck())

    assert found == [False, False, False, True]


def test_where_no_thread_can_be_started_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the interpreter shuts down; nothing is raised, and nothing waits."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    some = turns()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        refused = some.start()

    assert (refused, some.current.thread) == (False, None)
    assert some.start()
    some.retire()


def test_a_start_that_was_interrupted_by_a_signal_handler_does_not_lock_itself() -> None:
    """The handler that puts something while the same thread starts gives up soon; the start goes on after it."""
    some = turns()
    with some._starting:
        started = some.start()
        passed = some.pass_on()

    assert (started, passed) == (False, False)
