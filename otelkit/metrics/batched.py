"""A histogram that takes its values in batches, and gives them to the SDK when metrics are collected."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.metrics import Histogram

from otelkit.metrics.distribution import Distribution, distribute
from otelkit.metrics.in_collection import in_collection, watch
from otelkit.metrics.sdk_private import NOBODY, HistogramTargets, SeriesKeys
from otelkit.model.calls import AttributeValue

_MAX_EXEMPLARS: Final = 8
"""Kept for one series from one collection to the next: the SDK keeps one for each bucket, and calls fill few buckets."""
_PATIENCE_S: Final = 1.0
"""How long a collection waits for a thread that adds up right now, which takes microseconds."""

MakeContext = Callable[[], Context]
Exemplars = Mapping[float, MakeContext]

_Part = tuple[Distribution, dict[float, MakeContext]]
_NO_EXEMPLARS: Final[Exemplars] = {}


class BatchedHistogram:
    """The series of one histogram, and the way from there to the SDK. Thread-safe; nothing here waits for the SDK's locks.

    Batches are bucketed at once, into the buckets that the program's readers and views want. Where those differ, or are
    exponential, the values are recorded one by one instead.

    A forked child must make its own: a thread that is not in the child may have been adding up.

    Args:
        histogram: As the meter made it.
        boundaries: The bucket bounds it was made with.
    """

    def __init__(self, histogram: Histogram, boundaries: tuple[float, ...]) -> None:
        self.targets = HistogramTargets(histogram, boundaries)
        self._series: list[HistogramSeries] = []
        watch()

    def series(self, attributes: Mapping[str, AttributeValue]) -> HistogramSeries:
        """Return a new series; ask once for each attribute set."""
        series = HistogramSeries(self.targets, attributes)
        self._series.append(series)
        return series

    def hand_over(self) -> None:
        """Give the SDK all there is. Call it from a callback of the provider that collects."""
        for series in list(self._series):
            series.hand_over()


class HistogramSeries:
    """One attribute set of a `BatchedHistogram`."""

    __slots__ = ("_adding", "_keys", "_late", "_parts", "_sums", "_targets")

    def __init__(self, targets: HistogramTargets, attributes: Mapping[str, AttributeValue]) -> None:
        self._targets = targets
        self._keys = SeriesKeys(attributes)
        self._parts: list[_Part] = []
        # One, unless the program's views changed since the last collection.
        self._sums: list[_Part] = []
        # What came while the garbage collector ran in a thread that may hold the SDK's locks.
        self._late: list[tuple[list[float], Exemplars]] = []
        self._adding = threading.Lock()

    def put(self, values: list[float], exemplars: Exemplars = _NO_EXEMPLARS) -> None:
        """Take finite values of at least 0, at least one; the list is used up.

        Args:
            exemplars: Some of the values, and what makes the context of their sampled spans.
        """
        if in_collection():
            self._late.append((values, exemplars))
            return
        boundaries = self._targets.boundaries()
        if boundaries is None:
            self._record(values, exemplars)
            return
        self._parts.append((distribute(values, boundaries), dict(exemplars)))
        # Never waited for: whoever adds up now looks again when it has finished. So neither a signal handler nor a finalizer
        # that interrupts it can hang.
        while self._parts and self._adding.acquire(blocking=False):
            try:
                self._add_up()
            finally:
                self._adding.release()

    def hand_over(self) -> None:
        """Give the SDK what there is, and start from zero; inside the garbage collector this does nothing."""
        if in_collection():
            return  # next time: what is late would be put off again, for ever, and the SDK's locks may be held
        while self._late:
            self.put(*self._late.pop())
        if not self._adding.acquire(timeout=_PATIENCE_S):
            return  # next time
        try:
            self._add_up()
            sums, self._sums = self._sums, []
        finally:
            self._adding.release()
        for values, exemplars in sums:
            self._targets.merge(self._keys, values, {value: make() for value, make in exemplars.items()})

    def _record(self, values: Sequence[float], exemplars: Exemplars) -> None:
        record, attributes = self._targets.histogram.record, self._keys.attributes
        for value in values:
            make = exemplars.get(value)
            record(value, attributes, NOBODY if make is None else make())

    def _add_up(self) -> None:
        while self._parts:
            part = self._parts.pop()
            for values, exemplars in self._sums:
                if values.boundaries == part[0].boundaries:
                    values.add(part[0])
                    _keep(exemplars, part[1])
                    break
            else:
                self._sums.append(part)


def _keep(exemplars: dict[float, MakeContext], more: Exemplars) -> None:
    """Add exemplars; of too many the slowest stays, and of the others the newest."""
    exemplars.update(more)
    while len(exemplars) > _MAX_EXEMPLARS:
        slowest = max(exemplars)
        del exemplars[next(value for value in exemplars if value != slowest)]
