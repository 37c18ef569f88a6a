"""Many values as one: how many fell into each bucket, their sum, the smallest and the largest."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


class Distribution:
    """What a histogram keeps of its values. Not thread-safe by itself."""

    __slots__ = ("boundaries", "counts", "high", "low", "total")

    def __init__(self, boundaries: Sequence[float], counts: list[int], total: float, low: float, high: float) -> None:
        self.boundaries = boundaries
        """Upper bounds of the buckets, ascending; each belongs to its bucket. The last bucket has none."""
        self.counts = counts
        """Values in each bucket; one more than there are boundaries."""
        self.total = total
        """Sum of all values."""
        self.low = low
        """The smallest value there was; stays when it is removed."""
        self.high = high

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.counts)

    def add(self, other: Distribution) -> None:
        """Add the values of another distribution over the same boundaries."""
        self.counts = [mine + others for mine, others in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)

    def remove(self, value: float) -> None:
        """Take out one value that is in it: somebody else counts it."""
        self.counts[bisect_left(self.boundaries, value)] -= 1
        self.total -= value


def distribute(values: list[float], boundaries: Sequence[float]) -> Distribution:
    """Return the distribution of finite ``values``, at least one, which are sorted in place.

    Sorting first costs a third of searching each value's bucket, and gives the smallest and the largest.
    """
    values.sort()
    counts: list[int] = []
    below = 0
    for boundary in boundaries:
        upto = bisect_right(values, boundary, below)
        counts.append(upto - below)
        below = upto
    counts.append(len(values) - below)
    return Distribution(boundaries, counts, sum(values), values[0], values[-1])
