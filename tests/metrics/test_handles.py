"""Handles on one series of a metric."""

from __future__ import annotations

import gc
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction

import pytest
from opentelemetry.metrics import NoOpHistogram

from otelkit.metrics.batched import BatchedHistogram
from otelkit.metrics.handles import CHUNK, CounterHandle, GaugeHandle, HistogramHandle


class Hostile:
    """Raises at everything that is done to it."""

    def _no(self, *_args: object) -> object:
        raise RuntimeError("no")

    __add__ = __radd__ = __lt__ = __gt__ = __le__ = __ge__ = __float__ = __int__ = __eq__ = _no  # type: ignore[assignment]  # hostile
    __hash__ = None  # type: ignore[assignment]  # hostile


STRANGE = (None, "1", math.nan, math.inf, -math.inf, Decimal(1), 1j, Hostile(), [1])


@contextmanager
def switching_often() -> Iterator[None]:
    """Make the interpreter change threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def in_threads(work: Callable[[], None], count: int = 8) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    with switching_often():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class Values:
    """A histogram that keeps what is recorded."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        outer = self

        class Kept(NoOpHistogram):
            def record(self, amount: float, attributes: object = None, context: object = None) -> None:
                outer.seen.append(amount)

        self.handle = HistogramHandle({}, BatchedHistogram(Kept("h"), (1.0,)).series({}))


def test_a_sum_is_exact_whatever_threads_do() -> None:
    """Eight threads at once, while a ninth reads: each value counts once, and the sum never shrinks."""
    counter = CounterHandle({}, monotonic=True)
    each = 20 * CHUNK + 7
    read: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            read.append(counter.read())

    def work() -> None:
        for _ in range(each):
            counter.add(3)

    watcher = threading.Thread(target=watch)
    watcher.start()
    in_threads(work)
    done.set()
    watcher.join()

    assert counter.read() == 8 * each * 3
    assert read == sorted(read)


def test_a_distribution_has_each_value_once_whatever_threads_do() -> None:
    """Nothing is lost or doubled where chunks are handed over."""
    values = Values()
    each = 10 * CHUNK + 7

    def work() -> None:
        for number in range(each):
            values.handle.record(number)

    in_threads(work)
    values.handle.add_up()

    assert sorted(values.seen) == sorted(list(range(each)) * 8)


def test_what_waits_to_be_added_up_is_bounded() -> None:
    """A handle that is never read keeps a chunk of values at most."""
    counter = CounterHandle({}, monotonic=True)
    for _ in range(100 * CHUNK):
        counter.add(1.5)

    assert len(counter._values) < CHUNK
    assert not counter._parts


@pytest.mark.parametrize(
    "value",
    STRANGE,
    ids=lambda value: f"{type(value).__name__} {value}" if isinstance(value, float) else type(value).__name__,
)
def test_what_is_no_finite_number_is_refused_and_the_others_count(value: object) -> None:
    """Nothing raises into the program, and one bad value costs no other."""
    counter, gauge, values = CounterHandle({}, monotonic=False), GaugeHandle({}), Values()
    for each in (1, value, 2.5):
        counter.add(each)  # type: ignore[arg-type]  # what a program does
        values.handle.record(each)  # type: ignore[arg-type]  # what a program does
    gauge.set(value)  # type: ignore[arg-type]  # what a program does
    values.handle.add_up()

    assert (counter.read(), counter.refused) == (3.5, 1)
    assert (sorted(values.seen), values.handle.refused) == ([1, 2.5], 1)
    assert gauge.read() is None


@pytest.mark.parametrize(("value", "expected"), [(True, 1), (Fraction(1, 2), 0.5), (0, 0), (-2, -2)])
def test_every_kind_of_real_number_counts(value: float, expected: float) -> None:
    """Flags count as 0 and 1, fractions by their value."""
    counter, gauge = CounterHandle({}, monotonic=False), GaugeHandle({})
    counter.add(value)
    gauge.set(value)

    assert (counter.read(), gauge.read()) == (expected, expected)


def test_a_counter_refuses_to_shrink() -> None:
    """Negative values are refused where the sum only grows, and in a distribution."""
    counter, values = CounterHandle({}, monotonic=True), Values()
    for value in (5, -1, 2):
        counter.add(value)
        values.handle.record(value)
    values.handle.add_up()

    assert (counter.read(), counter.refused) == (7, 1)
    assert (sorted(values.seen), values.handle.refused) == ([2, 5], 1)


def test_whole_numbers_stay_whole_as_long_as_they_can_be_sent() -> None:
    """A sum beyond 64 bits goes on as a floating-point number, which OTLP can carry."""
    counter = CounterHandle({}, monotonic=True)
    counter.add(2**62)
    small = counter.read()
    counter.add(2**62)

    assert (small, type(small)) == (2**62, int)
    assert (counter.read(), type(counter.read())) == (2.0**63, float)


def test_a_signal_handler_may_record_at_any_moment() -> None:
    """A handler that interrupts a record or its adding up, and records itself, neither hangs nor loses anything."""
    counter, values = CounterHandle({}, monotonic=True), Values()
    interrupts = 0

    def handler(_number: int, _frame: object) -> None:
        nonlocal interrupts
        interrupts += 1
        for _ in range(CHUNK + 1):
            counter.add(1)
            values.handle.record(1)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.002)
    own = 0
    try:
        while interrupts < 20:
            counter.add(1)
            values.handle.record(1)
            own += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    values.handle.add_up()

    assert counter.read() == own + interrupts * (CHUNK + 1)
    assert len(values.seen) == own + interrupts * (CHUNK + 1)


def test_a_finalizer_may_record_while_the_collector_runs() -> None:
    """Inside Python's garbage collector a distribution waits, for the thread may hold locks of the SDK."""
    values = Values()
    inside: list[int] = []

    class Forgotten:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            for _ in range(CHUNK + 1):
                values.handle.record(1)
            inside.append(len(values.seen))

    Forgotten()
    gc.collect()
    values.handle.record(1)

    assert (inside, len(values.seen)) == ([0], CHUNK + 2)
