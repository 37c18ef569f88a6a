"""Handles on one series of a metric: its attributes are given once, a record costs about a tenth of a microsecond."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Mapping
from typing import Final

from otelkit.metrics.batched import HistogramSeries
from otelkit.metrics.in_collection import in_collection
from otelkit.metrics.label_sets import clean_number
from otelkit.model.calls import AttributeScalar

CHUNK: Final = 512
"""Values that a handle keeps before it adds them up."""
_INT_LIMIT: Final = 2**63
"""OTLP has integers of 64 bits; beyond them a sum goes on as a floating-point number."""


_GREATEST: Final = sys.float_info.max
_PLAIN: Final = frozenset({int, float})


class CounterHandle:
    """One series of a sum. Thread-safe, also in signal handlers and finalizers; ``add`` never waits and never raises.

    What is no finite number, and in a counter what is negative, is refused when values are added up.
    """

    __slots__ = ("_adding", "_lowest", "_parts", "_total", "_values", "attributes", "refused")

    def __init__(self, attributes: Mapping[str, AttributeScalar], *, monotonic: bool) -> None:
        self.attributes = attributes
        self._lowest = 0.0 if monotonic else -_GREATEST
        self.start_over()

    def start_over(self) -> None:
        """Count from zero: a forked child's counts are its own."""
        self.refused = 0
        """Values refused so far."""
        self._values: list[float] = []
        self._parts: list[float] = []
        self._total: float = 0
        self._adding = threading.Lock()

    def add(self, value: float = 1) -> None:
        """Add to the sum; in a counter at least 0."""
        values = self._values
        values.append(value)
        if len(values) >= CHUNK:
            self._add_up()

    def read(self) -> float:
        """Return the sum so far."""
        if self._values:
            self._add_up()
        return self._total

    def _add_up(self) -> None:
        taken = take(self._values)
        if len(taken) == 1 and type(taken[0]) in _PLAIN and self._lowest <= taken[0] <= _GREATEST:
            # What most handles have when somebody looks: half the work.
            self._parts.append(taken[0])
        else:
            numbers = clean(taken, self._lowest)
            self.refused += len(taken) - len(numbers)
            self._parts.append(sum(numbers))
        # Never waited for: whoever adds up now looks again when it has finished. So neither a signal handler nor a finalizer
        # that interrupts it can hang.
        while self._parts and self._adding.acquire(False):
            try:
                while self._parts:
                    total = self._total + self._parts.pop()
                    self._total = total if -_INT_LIMIT <= total < _INT_LIMIT else float(total)
            finally:
                self._adding.release()


class GaugeHandle:
    """One series of a present value. Thread-safe; ``set`` never waits and never raises."""

    __slots__ = ("attributes", "value")

    def __init__(self, attributes: Mapping[str, AttributeScalar]) -> None:
        self.attributes = attributes
        self.start_over()

    def start_over(self) -> None:
        """Forget the value: a forked child has its own."""
        self.value: float | None = None

    def set(self, value: float) -> None:
        """Set the present value; what is no finite number is left out when metrics are collected."""
        self.value = value

    def read(self) -> float | None:
        """Return the value last set, if it is a finite number."""
        numbers = clean([self.value], -math.inf) if self.value is not None else []
        return numbers[0] if numbers else None


class HistogramHandle:
    """One series of a distribution. Thread-safe, also in signal handlers and finalizers; ``record`` never waits or raises.

    What is no finite number of at least 0 is refused when values are added up. There are no exemplars: which span is current
    is not looked at.
    """

    __slots__ = ("_series", "_values", "attributes", "refused")

    def __init__(self, attributes: Mapping[str, AttributeScalar], series: HistogramSeries) -> None:
        self.attributes = attributes
        self.start_over(series)

    def start_over(self, series: HistogramSeries) -> None:
        """Record into another series, from nothing: a forked child's, or another provider's."""
        self.refused = 0
        """Values refused so far."""
        self._values: list[float] = []
        self._series = series

    def record(self, value: float) -> None:
        """Record one of many values, at least 0."""
        values = self._values
        values.append(value)
        if len(values) >= CHUNK:
            self.add_up()

    def add_up(self) -> None:
        """Put what was recorded into its buckets."""
        if in_collection():
            return  # the next record does it: this thread may hold locks of the SDK
        taken = take(self._values)
        numbers = clean(taken, 0.0)
        self.refused += len(taken) - len(numbers)
        if numbers:
            self._series.put(numbers)


def take(values: list[float]) -> list[float]:
    """Remove and return what is in the list now; other threads may add and take meanwhile, nothing is lost or doubled."""
    pop = values.pop
    taken: list[float] = []
    try:
        if len(values) == 1:
            return [pop()]
        for _ in range(len(values)):
            # One by one: a comprehension that another thread's taking ends would lose what it took.
            taken.append(pop())
    except IndexError:
        pass
    return taken


def clean(values: list[float], lowest: float) -> list[float]:
    """Return the finite numbers among ``values`` that are not below ``lowest``."""
    if not values:
        return values
    try:
        total = sum(values)
        if type(total) in _PLAIN and math.isfinite(total) and min(values) >= lowest:
            return values
    except Exception:  # noqa: BLE001 - a program may hand in anything, and it may do anything when it is added
        pass
    return [number for value in values if (number := _number(value)) is not None and number >= lowest]


def _number(value: object) -> float | None:
    try:
        return int(value) if isinstance(value, int) else clean_number(value)
    except Exception:  # noqa: BLE001 - as above
        return None
