"""What durations were like lately, in a few kilobytes: a histogram with buckets of equal ratio."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Final

_ACCURACY: Final = 0.02
"""Half the width of a bucket. What is stored counts by buckets, so that it stays as it is."""
_LEAST_NS: Final = 1_000
_MOST_NS: Final = 1_000_000_000 * 60 * 60 * 24
_RATIO: Final = (1 + _ACCURACY) / (1 - _ACCURACY)
_PER_LOG: Final = 1 / math.log(_RATIO)
_FIRST: Final = math.floor(math.log(_LEAST_NS) * _PER_LOG)
_BUCKETS: Final = math.ceil(math.log(_MOST_NS) * _PER_LOG) - _FIRST + 1


class DurationSketch:
    """Counts durations in buckets whose bounds grow by 4 %, so that a quantile is up to 4 % too high, and never too low.

    From 1 µs to a day; what is beyond counts at the end. 5 KB, however many were added. Two sketches merge into the one that
    had seen the durations of both. It forgets: whenever it holds ``memory`` durations, all counts are halved, so that it tells
    of the last ``memory`` / 2 to ``memory`` and older ones fade.

    Args:
        memory: At least 2.

    Source: Masson, Rim and Lee, "DDSketch", VLDB 2019, with a fixed range in place of collapsing buckets.
    """

    __slots__ = ("_counts", "_memory", "count")

    def __init__(self, memory: float = math.inf) -> None:
        # Fractions, since halving ones and threes would empty the sparse buckets of the tail first.
        self._counts = array("d", bytes(8 * _BUCKETS))
        self._memory = memory
        self.count = 0.0
        """Durations held; a fraction where some have faded."""

    def add(self, duration_ns: int) -> None:
        """Count one duration."""
        self._counts[_bucket_of(duration_ns)] += 1.0
        self.count += 1.0
        if self.count >= self._memory:
            self._fade()

    def merge(self, other: DurationSketch) -> None:
        """Count what ``other`` has counted."""
        for bucket, count in enumerate(other._counts):
            if count:
                self._counts[bucket] += count
        self.count += other.count
        while self.count >= self._memory:
            self._fade()

    def quantile_ns(self, share: float) -> int | None:
        """Return a duration that ``share`` of those held do not exceed, rounded up to its bucket's bound; None if none is held.

        Args:
            share: 0 < share < 1.
        """
        if not self.count:
            return None
        wanted = share * self.count
        seen = 0.0
        last = 0
        for bucket, count in enumerate(self._counts):
            if count:
                seen += count
                last = bucket
                if seen >= wanted:
                    break
        return math.ceil(math.exp((last + _FIRST) / _PER_LOG))

    def buckets(self) -> list[tuple[int, float]]:
        """Return the buckets that are not empty, with their counts, to be stored."""
        return [(bucket, count) for bucket, count in enumerate(self._counts) if count]

    @classmethod
    def of(cls, buckets: Iterable[tuple[int, float]], memory: float = math.inf) -> DurationSketch:
        """Return the sketch that had these `buckets`.

        Raises:
            ValueError: There is no such bucket, or a count is no positive number.
        """
        sketch = cls(memory)
        for bucket, count in buckets:
            if not 0 <= bucket < _BUCKETS or not 0 < count < math.inf:
                raise ValueError(f"bucket {bucket!r} with {count!r} durations")
            sketch._counts[bucket] += count
            sketch.count += count
        while sketch.count >= memory:
            sketch._fade()
        return sketch

    def _fade(self) -> None:
        # Below a thousandth of a duration a bucket says nothing any more.
        faded = [count / 2 if count > 0.001 else 0.0 for count in self._counts]
        self._counts = array("d", faded)
        self.count = math.fsum(faded)


def _bucket_of(duration_ns: int) -> int:
    if duration_ns <= _LEAST_NS:
        return 0
    return min(_BUCKETS - 1, math.ceil(math.log(duration_ns) * _PER_LOG) - _FIRST)
