"""One metric with handles, by kind, and how the SDK reads it."""

from __future__ import annotations

import itertools
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

from opentelemetry.metrics import CallbackOptions, Histogram, Meter, NoOpHistogram, Observation

from otelkit.metrics.batched import BatchedHistogram
from otelkit.metrics.handles import CounterHandle, GaugeHandle, HistogramHandle
from otelkit.metrics.label_sets import LabelSets
from otelkit.model.calls import AttributeScalar

Labels = Mapping[str, AttributeScalar]
H = TypeVar("H", CounterHandle, GaugeHandle, HistogramHandle)
D = TypeVar("D")

_HAND_OVER: Final = "otelkit.hand_over"
"""Instruments that never have a value: the SDK calls them right before it collects. Each has a number of its own."""
_numbers: Final = itertools.count(1)
_apart = threading.local()


@contextmanager
def read_apart(read: Collection[object]) -> Iterator[None]:
    """Make some metrics have no values for what this thread collects inside: whoever collects has read them already."""
    _apart.metrics = read
    try:
        yield
    finally:
        del _apart.metrics


class BoundMetric(ABC, Generic[H, D]):
    """A metric and its handles. Bound under its owner's lock, read by any thread.

    Args:
        name: As OpenTelemetry allows it.
        unit: In UCUM notation.
        meaning: One sentence.
        detail: What else makes a metric of this kind.
    """

    def __init__(self, name: str, unit: str, meaning: str, detail: D) -> None:
        self.name = name
        self.unit = unit
        self.meaning = meaning
        self.detail = detail
        self.instrument: object = None
        """The SDK's, as the meter made it last; None: the metric leads nowhere."""
        self.owner: object = None
        """Who made it; lives as long as the SDK reads the metric, so that asking again gives the same."""
        self._handles: dict[frozenset[tuple[str, type, AttributeScalar]], H] = {}
        self._sets = LabelSets()

    @property
    @abstractmethod
    def what(self) -> str:
        """What kind of metric it is, for messages."""

    @abstractmethod
    def bind(self, meter: Meter) -> None:
        """Be read by the meter's provider from now on, and not by an earlier one."""

    @abstractmethod
    def start_over(self) -> None:
        """Forget all values: a forked child's are its own."""

    @abstractmethod
    def _new(self, labels: Labels) -> H: ...

    def handle(self, labels: Labels) -> H:
        """Return the handle for an attribute set; beyond the limit of sets, the one that they share."""
        admitted = self._sets.admit(labels)
        # True, 1 and 1.0 are equal to Python and three series to OpenTelemetry.
        key = frozenset((name, type(value), value) for name, value in admitted.items())
        return self._handles.get(key) or self._handles.setdefault(key, self._new(admitted))

    @property
    def handles(self) -> list[H]:
        """All handles there are."""
        return list(self._handles.values())

    def _observer(self) -> Callable[[CallbackOptions], Iterable[Observation]]:
        """Return what the SDK calls when it collects; it is silent as soon as there is a newer one."""

        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            if self._observe is not observe or self in getattr(_apart, "metrics", ()):
                return ()
            return self._observations()

        self._observe: object = observe
        return observe

    @abstractmethod
    def _observations(self) -> Iterable[Observation]: ...


class Counters(BoundMetric[CounterHandle, bool]):
    """A sum. Its ``detail`` says whether it only grows."""

    @property
    def what(self) -> str:
        return "a counter" if self.detail else "an up-down counter"

    def bind(self, meter: Meter) -> None:
        create = meter.create_observable_counter if self.detail else meter.create_observable_up_down_counter
        self.instrument = create(self.name, [self._observer()], self.unit, self.meaning)

    def start_over(self) -> None:
        for handle in self.handles:
            handle.start_over()

    def _observations(self) -> Iterable[Observation]:
        return _read(self.handles)

    def _new(self, labels: Labels) -> CounterHandle:
        return CounterHandle(labels, monotonic=self.detail)


class Gauges(BoundMetric[GaugeHandle, None]):
    """A present value."""

    @property
    def what(self) -> str:
        return "a gauge"

    def bind(self, meter: Meter) -> None:
        self.instrument = meter.create_observable_gauge(self.name, [self._observer()], self.unit, self.meaning)

    def start_over(self) -> None:
        for handle in self.handles:
            handle.start_over()

    def _observations(self) -> Iterable[Observation]:
        return _read(self.handles)

    def _new(self, labels: Labels) -> GaugeHandle:
        return GaugeHandle(labels)


class Histograms(BoundMetric[HistogramHandle, tuple[float, ...]]):
    """A distribution. Its ``detail`` are the upper bounds of its buckets."""

    @property
    def what(self) -> str:
        return "a histogram"

    def __init__(self, name: str, unit: str, meaning: str, detail: tuple[float, ...]) -> None:
        super().__init__(name, unit, meaning, detail)
        self._batched = BatchedHistogram(NoOpHistogram(name), detail)

    def bind(self, meter: Meter) -> None:
        histogram = meter.create_histogram(
            self.name, self.unit, self.meaning, explicit_bucket_boundaries_advisory=self.detail
        )
        self.instrument = histogram
        self._record_into(histogram)
        meter.create_observable_gauge(f"{_HAND_OVER}.{next(_numbers)}", [self._observer()])

    def start_over(self) -> None:
        self._record_into(self._batched.targets.histogram)

    def _record_into(self, histogram: Histogram) -> None:
        self._batched = BatchedHistogram(histogram, self.detail)
        for handle in self.handles:
            handle.start_over(self._batched.series(handle.attributes))

    def _new(self, labels: Labels) -> HistogramHandle:
        return HistogramHandle(labels, self._batched.series(labels))

    def _observations(self) -> Iterable[Observation]:
        for handle in self.handles:
            handle.add_up()
        self._batched.hand_over()
        return ()


def _read(handles: Iterable[CounterHandle | GaugeHandle]) -> Iterator[Observation]:
    for handle in handles:
        value = handle.read()
        if value is not None:
            yield Observation(value, handle.attributes)
