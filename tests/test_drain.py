"""A bounded queue, and the thread that empties it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Any

import pytest

from otelkit import _drain
from otelkit._drain import Drain
from tests.forking import in_child
from tests.waiting import wait_until

pytestmark = pytest.mark.sdk


def collecting(handled: list[list[int]], **options: object) -> Drain[int]:
    settings: dict[str, object] = {"limit": 100, "batch": 10, "delay_s": 0.01} | options
    return Drain("test-drain", handled.append, **settings)  # type: ignore[arg-type]


def test_items_are_handed_over_in_order_and_in_batches() -> None:
    """Batches are at most as large as asked, oldest items first, each item once."""
    handled: list[list[int]] = []
    drain = collecting(handled, delay_s=60)
    for number in range(25):
        assert drain.put(number)

    assert drain.flush(10)
    assert list(range(25)) == [item for batch in handled for item in batch]
    assert max(len(batch) for batch in handled) <= 10
    drain.close(1)


def test_an_item_is_handed_over_after_the_delay_without_a_flush() -> None:
    """Nobody has to flush."""
    handled: list[list[int]] = []
    drain = collecting(handled)
    drain.put(1)
    wait_until(lambda: handled == [[1]])
    drain.close(1)


def test_a_full_queue_refuses_the_new_item() -> None:
    """What is in the queue stays; what comes is refused and said so."""
    release = threading.Event()
    started = threading.Event()

    def handle(batch: list[int]) -> None:
        started.set()
        release.wait(20)

    drain: Drain[int] = Drain("test-drain", handle, limit=3, batch=1, delay_s=60)
    assert drain.put(0)
    assert started.wait(20)
    taken = [drain.put(number) for number in range(5)]

    assert taken == [True, True, True, False, False]
    release.set()
    drain.close(5)


def test_waiting_is_bounded_while_the_handler_hangs() -> None:
    """flush and close come back in time and say that not everything is through."""
    release = threading.Event()
    started = threading.Event()

    def handle(batch: list[int]) -> None:
        started.set()
        release.wait(20)

    drain: Drain[int] = Drain("test-drain", handle, limit=10, batch=1, delay_s=0.01)
    drain.put(0)
    assert started.wait(20)
    drain.put(1)
    drain.put(2)

    assert drain.flush(0.05) is False
    assert drain.close(0.05) == [1, 2]
    release.set()


def test_close_refuses_what_comes_later_and_ends_the_thread() -> None:
    """A closed drain takes nothing, and leaves no thread behind."""
    handled: list[list[int]] = []
    drain = collecting(handled)
    drain.put(1)

    assert drain.close(10) == []
    assert drain.put(2) is False
    assert handled == [[1]]
    wait_until(lambda: "test-drain" not in {thread.name for thread in threading.enumerate()})
    assert drain.flush(1) is True


def test_the_last_errand_runs_after_the_last_item() -> None:
    """close hands over everything, then does what it was asked to do last."""
    seen: list[object] = []
    drain: Drain[int] = Drain("test-drain", seen.extend, limit=10, batch=2, delay_s=60)
    for number in range(5):
        drain.put(number)

    assert drain.close(10, lambda: seen.append("last")) == []
    assert seen == [0, 1, 2, 3, 4, "last"]


def test_a_handler_may_flush_without_waiting_for_itself() -> None:
    """An errand from within the handler is done at once."""
    answers: list[bool] = []
    drain: Drain[int] = Drain(
        "test-drain", lambda batch: answers.append(drain.flush(10)), limit=10, batch=1, delay_s=60
    )
    drain.put(1)

    assert drain.flush(10)
    assert answers == [True]
    drain.close(1)


def test_a_handler_that_raises_does_not_stop_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    """One bad batch does not cost the next one."""
    handled: list[int] = []

    def handle(batch: list[int]) -> None:
        if batch == [1]:
            raise RuntimeError("a bug")
        handled.extend(batch)

    drain: Drain[int] = Drain("test-drain", handle, limit=10, batch=1, delay_s=60)
    drain.put(1)
    drain.put(2)
    with caplog.at_level(logging.ERROR, "otelkit.drain"):
        assert drain.flush(10)

    assert handled == [2]
    assert "a bug" in caplog.text
    drain.close(1)


def test_ticks_come_without_items() -> None:
    """The tick is called on the thread although nothing more is put."""
    ticks: list[str] = []
    drain: Drain[int] = Drain(
        "test-drain", lambda batch: None, limit=10, batch=1, delay_s=0.01,
        tick=lambda: ticks.append(threading.current_thread().name), tick_s=0.01,
    )  # fmt: skip
    drain.put(1)
    wait_until(lambda: len(ticks) >= 3)

    assert set(ticks) == {"test-drain"}
    drain.close(1)


def test_an_idle_drain_can_be_asked_to_call_its_handler() -> None:
    """With tick_when_idle a flush without items reaches the handler, so that it can try again what failed."""
    handled: list[list[int]] = []
    drain = collecting(handled, delay_s=60, tick_when_idle=True)
    drain.put(1)
    drain.flush(10)
    drain.flush(10)

    assert handled == [[1], []]
    drain.close(1)


def test_the_caller_hands_over_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the interpreter shuts down, flush does the work itself instead of losing it."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    handled: list[list[int]] = []
    drain = collecting(handled)

    assert drain.put(1)
    assert drain.flush(1)
    assert handled == [[1]]
    assert drain.put(2)
    assert drain.close(1) == []
    assert handled == [[1], [2]]


def test_preparation_happens_once_in_the_thread_that_puts_first() -> None:
    """That is the moment at which other threads can still be started."""
    prepared: list[str] = []
    drain = collecting([], prepare=lambda: prepared.append(threading.current_thread().name))
    drain.put(1)
    drain.put(2)

    assert prepared == [threading.current_thread().name]
    drain.close(1)


def test_a_forked_child_starts_empty_with_its_own_thread() -> None:
    """The parent's items stay the parent's, and the child's are handed over in the child."""
    handled: list[list[int]] = []
    drain = collecting(handled, delay_s=60)
    drain.put(1)
    wait_until(lambda: "test-drain" in {thread.name for thread in threading.enumerate()})

    def child() -> object:
        handled.clear()
        before = len(drain)
        drain.put(7)
        return [before, drain.flush(10), handled]

    assert in_child(child) == [0, True, [[7]]]
    assert drain.flush(10)
    assert handled == [[1]]
    drain.close(1)


def test_a_signal_handler_may_flush_while_it_interrupts_a_put() -> None:
    """No method waits for a lock that the interrupted frame may hold: a flood of signals does not deadlock."""
    handled: list[list[int]] = []
    drain = collecting(handled, limit=1_000_000, batch=2)
    flushed: list[bool] = []
    previous = signal.signal(signal.SIGUSR1, lambda number, frame: flushed.append(drain.flush(5)))
    stop = threading.Event()

    def pester() -> None:
        while not stop.is_set():
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.001)

    thread = threading.Thread(target=pester)
    thread.start()
    try:
        put = 0
        deadline = time.monotonic() + 20
        while len(flushed) < 50 and time.monotonic() < deadline:
            put += drain.put(put)
    finally:
        stop.set()
        thread.join()
        signal.signal(signal.SIGUSR1, previous)

    assert len(flushed) >= 50
    assert all(flushed)
    drain.close(10)
    assert [item for batch in handled for item in batch] == list(range(put))


def test_threads_that_put_at_once_lose_nothing() -> None:
    """Every item that was taken is handed over exactly once."""
    handled: list[list[int]] = []
    drain = collecting(handled, limit=1_000_000, batch=100)
    refused: list[int] = []

    def put_many(base: int) -> None:
        refused.extend(number for number in range(base, base + 2000) if not drain.put(number))

    threads = [threading.Thread(target=put_many, args=(base,)) for base in range(0, 8000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert drain.close(20) == []
    assert refused == []
    assert sorted(item for batch in handled for item in batch) == list(range(8000))


def test_one_thread_hands_over_although_another_flushes_while_it_is_being_started() -> None:
    """A flush that meets the start of the thread waits for the thread instead of standing in for it."""
    starting, go_on = threading.Event(), threading.Event()
    handlers: list[str] = []

    def prepare() -> None:
        starting.set()
        go_on.wait(20)

    drain: Drain[int] = Drain(
        "test-drain", lambda batch: handlers.append(threading.current_thread().name),
        limit=10, batch=1, delay_s=60, prepare=prepare,
    )  # fmt: skip
    answers: list[bool] = []
    first = threading.Thread(target=drain.put, args=(1,))
    first.start()
    assert starting.wait(20)
    second = threading.Thread(target=lambda: answers.append(drain.flush(20)))
    second.start()
    wait_until(lambda: len(drain._errands) == 1)
    go_on.set()
    first.join(20)
    second.join(20)

    assert (answers, handlers) == ([True], ["test-drain"])
    drain.close(1)


def test_who_prepares_may_flush() -> None:
    """As a signal handler that interrupts the start of the thread does: nobody waits for a frame below."""
    handled: list[list[int]] = []
    answers: list[bool] = []
    drain = collecting(handled, delay_s=60, prepare=lambda: answers.append(drain.flush(10)))
    drain.put(1)

    assert answers == [True]
    assert handled == [[1]]
    drain.close(1)


def test_threads_that_flush_where_none_can_be_started_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler is never entered twice at a time, whoever calls it."""
    inside = threading.Semaphore(1)
    overlaps: list[bool] = []
    entered, release = threading.Event(), threading.Event()

    def handle(batch: list[int]) -> None:
        overlaps.append(not inside.acquire(blocking=False))
        entered.set()
        release.wait(20)
        inside.release()

    drain: Drain[int] = Drain("test-drain", handle, limit=10, batch=1, delay_s=60)
    monkeypatch.setattr(drain, "_start", lambda: None)
    drain.put(1)
    answers: list[bool] = []
    first = threading.Thread(target=lambda: answers.append(drain.flush(20)))
    first.start()
    assert entered.wait(20)
    drain.put(2)

    assert drain.flush(0.05) is False
    release.set()
    first.join(20)
    assert drain.flush(20)
    assert (answers, overlaps) == ([True], [False, False])


@pytest.mark.parametrize("delay_s", [float("inf"), 1e30])
def test_an_endless_delay_does_not_end_the_thread(delay_s: float) -> None:
    """The interpreter can't wait so long, so the thread waits an hour and then again."""
    handled: list[list[int]] = []
    drain = collecting(handled, delay_s=delay_s)
    drain.put(1)

    assert drain.flush(10)
    assert drain._thread is not None
    assert drain._thread.is_alive()
    assert handled == [[1]]
    drain.close(1)


def test_a_queue_smaller_than_a_batch_is_emptied_before_it_is_full() -> None:
    """The thread does not sleep through a queue that fills up."""
    handled: list[list[int]] = []
    drain = collecting(handled, limit=4, batch=1000, delay_s=60)
    for number in range(4):
        assert drain.put(number)
    wait_until(lambda: sum(map(len, handled)) >= 2)

    assert drain.put(4)
    drain.close(10)
    assert [item for batch in handled for item in batch] == list(range(5))


def test_ticks_come_while_items_wait_for_longer() -> None:
    """A long delay makes the batches larger, and keeps nobody from looking around meanwhile."""
    handled: list[list[int]] = []
    ticks: list[int] = []
    drain = collecting(handled, delay_s=3600, tick=lambda: ticks.append(len(handled)), tick_s=0.01)
    drain.put(1)
    wait_until(lambda: len(ticks) >= 3)

    assert handled == []
    assert drain.flush(10)
    assert handled == [[1]]
    drain.close(1)


def test_a_woken_drain_ticks_though_nothing_was_put() -> None:
    """What runs can be looked at before any of it has ended; a closed one stays closed."""
    ticks: list[str] = []
    drain = collecting([], tick=lambda: ticks.append(threading.current_thread().name), tick_s=0.01)
    drain.wake()
    drain.wake()
    wait_until(lambda: len(ticks) >= 2)
    drain.close(10)
    woken = drain._thread
    drain.wake()

    assert set(ticks) == {"test-drain"}
    assert drain._thread is woken


# -- relief --------------------------------------------------------------------------------------------------------------


def in_threads(do: Callable[[int], None], count: int = 8) -> None:
    """Run ``do`` in so many threads at once, each with its number, and wait for all of them."""
    threads = [threading.Thread(target=do, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("main_takes_part", [False, True])
def test_threads_that_relieve_the_queue_lose_nothing_and_mix_nothing(main_takes_part: bool) -> None:
    """Eight threads, a handler that is slower than they are, and relief at few items: each once, one batch at a time."""
    handled: list[int] = []
    inside = threading.Lock()
    overlaps: list[bool] = []

    def handle(batch: list[int]) -> None:
        if not inside.acquire(blocking=False):
            overlaps.append(True)
            return
        for item in batch:
            handled.append(item)
            threading.Event().wait(0) if item % 100 == 0 else None
        inside.release()

    drain: Drain[int] = Drain("test-drain", handle, limit=100_000, batch=16, delay_s=60, relieve_at=64)
    refused: list[int] = []

    def put_many(thread: int) -> None:
        refused.extend(item for item in range(thread * 2000, (thread + 1) * 2000) if not drain.put(item))

    if main_takes_part:
        others = threading.Thread(target=in_threads, args=(put_many, 7))
        others.start()
        put_many(7)
        others.join()
    else:
        in_threads(put_many)
    assert drain.flush(20)
    drain.close(5)

    assert (refused, overlaps) == ([], [])
    assert sorted(handled) == list(range(16_000))
    for thread in range(8):
        own = [item for item in handled if item // 2000 == thread]
        assert own == sorted(own)


def stuck(**options: Any) -> tuple[Drain[int], threading.Event]:
    """Return a drain whose handler has begun and does not come back before the event is set."""
    release, started = threading.Event(), threading.Event()

    def handle(batch: list[int]) -> None:
        started.set()
        release.wait(60)

    settings: dict[str, Any] = {"limit": 50, "batch": 5, "delay_s": 60, "relieve_at": 10} | options
    drain: Drain[int] = Drain("test-drain", handle, **settings)
    for number in range(5):
        drain.put(number)
    assert started.wait(20)
    return drain, release


def test_relief_or_not_the_queue_refuses_at_its_limit() -> None:
    """A stuck handler costs what is above the limit, each item said to who counts it."""
    refused: list[int] = []
    drain, release = stuck(refused=refused.append)
    taken = [drain.put(number) for number in range(60)]

    assert taken == [True] * 50 + [False] * 10
    assert refused == list(range(50, 60))
    release.set()
    drain.close(20)


@pytest.mark.parametrize("on_main_thread", [True, False])
def test_a_stuck_handler_does_not_make_every_put_wait(on_main_thread: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who puts waits once for a moment, and then not again for ten times as long."""
    drain, release = stuck(limit=10_000)
    waited: list[float] = []
    handing, room = drain._handing, drain._room

    class Handing:
        def acquire(self, timeout: float = -1) -> bool:
            waited.append(timeout)
            return handing.acquire(timeout=timeout)

    class Room:
        def get(self, timeout: float) -> None:
            waited.append(timeout)
            return room.get(timeout=timeout)

    monkeypatch.setattr(drain, "_handing", Handing())
    monkeypatch.setattr(drain, "_room", Room())

    def put_many(_thread: int = 0) -> None:
        for number in range(1000):
            drain.put(number)

    if on_main_thread:
        put_many()
    else:
        in_threads(put_many, 1)
    monkeypatch.undo()
    release.set()
    drain.close(20)

    # A tenth of a second at most, in pieces of a twentieth of that; on a bad day the puts take longer than the pause after it.
    assert 1 <= len(waited) <= 100
    assert max(waited) <= 0.1


def test_what_a_signal_handler_raises_is_the_programs_and_costs_no_item() -> None:
    """Ctrl-C, or `sys.exit` on SIGTERM, while the main thread waits for room: it goes through, and the item is in."""
    drain, release = stuck(limit=1000)

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGUSR1, stop)
    waiting = threading.Event()
    room = drain._room

    class Room:
        def get(self, timeout: float) -> None:
            waiting.set()
            # In pieces: a signal that comes just before the wait begins does not end it.
            for _ in range(400):
                with contextlib.suppress(Empty):
                    return room.get(timeout=0.05)
            raise Empty

        def put(self, item: None) -> None:
            room.put(item)

    drain._room = Room()  # type: ignore[assignment]  # the same, and it says when it is waited for
    thread = threading.Thread(target=lambda: (waiting.wait(20), os.kill(os.getpid(), signal.SIGUSR1)))
    thread.start()
    put: list[int] = []

    def put_many() -> None:
        for number in range(100):
            put.append(number)
            drain.put(number)

    try:
        with pytest.raises(KeyboardInterrupt):
            put_many()
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, previous)

    assert len(put) == len(drain)
    release.set()
    assert drain.close(20) == []


def test_a_finalizer_may_put_and_flush_while_items_are_handed_over() -> None:
    """Calls are ended by finalizers, too, wherever the garbage collector happens to run: nothing waits for itself."""
    handled: list[int] = []
    answers: list[bool] = []

    class Ending:
        def __init__(self, number: int) -> None:
            self.number = number

        def __del__(self) -> None:
            for _ in range(20):
                drain.put(-self.number)
            answers.append(drain.flush(20))

    def handle(batch: list[int]) -> None:
        for item in batch:
            handled.append(item)
            if item > 0:
                Ending(item)

    drain: Drain[int] = Drain("test-drain", handle, limit=100_000, batch=8, delay_s=60, relieve_at=16)
    in_threads(lambda thread: [drain.put(thread * 100 + number) for number in range(1, 101)] and None, 4)
    assert drain.flush(20)
    assert drain.flush(20)
    drain.close(5)

    assert sorted(item for item in handled if item > 0) == list(range(1, 401))
    assert sum(item < 0 for item in handled) == 400 * 20
    assert answers == [True] * 400


def test_a_signal_handler_may_put_while_it_interrupts_a_put() -> None:
    """Calls end in signal handlers: a flood of them beside a burst loses nothing."""
    handled: list[list[int]] = []
    drain = collecting(handled, limit=1_000_000, batch=2, relieve_at=8, delay_s=60)
    # Appended to, since one handler may interrupt another.
    by_signals: list[bool] = []
    by_program: list[bool] = []

    def on_signal(number: int, frame: object) -> None:
        by_signals.append(drain.put(-1))

    previous = signal.signal(signal.SIGUSR1, on_signal)
    stop = threading.Event()

    def pester() -> None:
        while not stop.wait(0.0005):
            os.kill(os.getpid(), signal.SIGUSR1)

    thread = threading.Thread(target=pester)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while (len(by_signals) < 100 or len(by_program) < 5000) and time.monotonic() < deadline:
            by_program.append(drain.put(1))
    finally:
        stop.set()
        thread.join()
        signal.signal(signal.SIGUSR1, previous)
    assert drain.flush(20)
    drain.close(5)
    items = [item for batch in handled for item in batch]

    assert all(by_signals + by_program)
    assert [items.count(-1), items.count(1)] == [len(by_signals), len(by_program)]
    assert len(by_signals) >= 100


def test_each_item_is_handed_over_or_refused_however_busy_the_end_is() -> None:
    """Neither the thread's last turn nor a put that was under way leaves one behind: what is refused is said to be."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(100):
            handled: list[list[int]] = []
            refused: list[int] = []
            drain = collecting(handled, limit=100_000, batch=4, refused=refused.append, delay_s=0.001)
            taken: list[int] = []
            going = threading.Event()

            def put_many(
                base: int,
                drain: Drain[int] = drain,
                taken: list[int] = taken,
                going: threading.Event = going,
            ) -> None:
                for number in range(base, base + 300):
                    if drain.put(number):
                        taken.append(number)
                    if number == base + 100:
                        going.set()

            threads = [threading.Thread(target=put_many, args=(base,)) for base in (0, 300, 600)]
            for thread in threads:
                thread.start()
            assert going.wait(20)
            assert drain.close(20) == []
            for thread in threads:
                thread.join()

            assert sorted([item for batch in handled for item in batch] + refused) == list(range(900))
            assert len(taken) == sum(map(len, handled))
            assert (drain.put(0), len(drain)) == (False, 0)
    finally:
        sys.setswitchinterval(interval_s)


class Slow(deque[int]):
    """A queue in which one item needs long to get in, and the one who puts it long to come back."""

    def __init__(self, slow: int, *, before: bool) -> None:
        super().__init__()
        self._slow, self._before = slow, before
        self.there, self.go_on = threading.Event(), threading.Event()

    def append(self, item: int) -> None:
        if item == self._slow and self._before:
            self._wait()
        super().append(item)
        if item == self._slow and not self._before:
            self._wait()

    def _wait(self) -> None:
        self.there.set()
        self.go_on.wait(20)


@pytest.mark.parametrize("before", [True, False], ids=["in after the end", "in before the end"])
@pytest.mark.parametrize("attended", [True, False])
def test_an_item_under_way_while_it_is_closed_is_refused_unless_it_was_handed_over(
    before: bool, attended: bool
) -> None:
    """Whichever way it was let in: nothing stays in a queue that nobody will ever look into again."""
    handled: list[list[int]] = []
    refused: list[int] = []
    answers: list[bool] = []
    drain = collecting(handled, refused=refused.append, delay_s=60)
    if not attended:  # the first item is
        drain.put(0)
        assert drain.flush(20)
        handled.clear()
        wait_until(lambda: drain._attend_at > 0)
    items = drain._items = Slow(1, before=before)
    thread = threading.Thread(target=lambda: answers.append(drain.put(1)))
    thread.start()
    assert items.there.wait(20)

    assert drain.close(20) == []
    items.go_on.set()
    thread.join(20)
    assert (handled, refused, answers) == (([], [1], [False]) if before else ([[1]], [], [True]))
    assert len(drain) == 0


def test_of_items_that_meet_the_end_as_many_are_refused_as_are_not_handed_over() -> None:
    """Two that are under way may take each other's place; none is counted twice and none is forgotten."""
    handled: list[list[int]] = []
    refused: list[int] = []
    answers: list[bool] = []
    drain = collecting(handled, refused=refused.append, delay_s=60)
    items = drain._items = Slow(1, before=False)
    thread = threading.Thread(target=lambda: answers.append(drain.put(1)))
    thread.start()
    assert items.there.wait(20)
    other = Slow(2, before=True)
    other.extend(items)
    drain._items = other
    second = threading.Thread(target=lambda: answers.append(drain.put(2)))
    second.start()
    assert other.there.wait(20)

    assert drain.close(20) == []
    other.go_on.set()
    second.join(20)
    items.go_on.set()
    thread.join(20)
    assert (handled, refused, answers) == ([[1]], [2], [False, True])
    assert len(drain) == 0


def test_a_handler_that_is_slow_but_not_stuck_is_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a batch may take longer than anybody waits; the queue does not fill up for all that."""
    monkeypatch.setattr(_drain, "_RELIEF_S", 0.02)
    beside = threading.Event()

    def handle(batch: list[int]) -> None:
        # Longer than the others wait: their time is over while batches do get done.
        beside.wait(0.015)

    drain: Drain[int] = Drain("test-drain", handle, limit=400, batch=8, delay_s=60, relieve_at=16)

    def put() -> None:
        for number in range(100):
            taken.append(drain.put(number))

    taken: list[bool] = []
    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    drain.close(20)

    assert taken == [True] * 800
