"""Quantiles of a stream in bounded memory, and over a sliding window."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

RELATIVE_ERROR: Final = 0.01
"""A quantile is at most 1 % off the true one."""
_GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA: Final = math.log(_GAMMA)
_MAX_BUCKETS: Final = 2048
"""In each direction: covers 17 orders of magnitude before the smallest values share a bucket."""
_SLICES: Final = 6


class Sketch:
    """Counts values in buckets whose width grows with the value. Not thread-safe by itself.

    Source: Masson, Rim, Lee, DDSketch, arXiv 1908.10693: bucket i holds (γ^(i-1), γ^i], γ = (1+a)/(1-a), and stands for
    2γ^i/(γ+1), which is within a of every value in it.
    """

    __slots__ = ("_above", "_below", "_zero", "count")

    def __init__(self) -> None:
        self.count = 0
        self._zero = 0
        self._above: Counter[int] = Counter()
        self._below: Counter[int] = Counter()

    def add(self, value: float) -> None:
        """Count a finite value."""
        self.count += 1
        if value == 0:
            self._zero += 1
            return
        buckets = self._above if value > 0 else self._below
        buckets[math.ceil(math.log(abs(value)) / _LOG_GAMMA)] += 1
        if len(buckets) > _MAX_BUCKETS:
            lowest, second = sorted(buckets)[:2]
            buckets[second] += buckets.pop(lowest)

    def merge(self, other: Sketch) -> None:
        """Count everything that ``other`` counted."""
        self.count += other.count
        self._zero += other._zero
        self._above.update(other._above)
        self._below.update(other._below)

    def quantile(self, share: float) -> float | None:
        """Return the value below which ``share`` (0 to 1) of the values lie; None if there are none."""
        if not self.count:
            return None
        rank = share * (self.count - 1)
        seen = 0
        for index in sorted(self._below, reverse=True):
            seen += self._below[index]
            if seen > rank:
                return -_middle(index)
        seen += self._zero
        if self._zero and seen > rank:
            return 0.0
        for index in sorted(self._above):
            seen += self._above[index]
            if seen > rank:
                return _middle(index)
        return _middle(max(self._above))


def _middle(index: int) -> float:
    return 2 * _GAMMA**index / (_GAMMA + 1)


class SlidingQuantiles:
    """Quantiles over the last ``window_s`` seconds, in steps of a sixth of that. Not thread-safe by itself."""

    def __init__(self, window_s: float) -> None:
        self._slice_ns = max(1, int(window_s * 1e9 / _SLICES))
        self._slices: deque[tuple[int, Sketch]] = deque()

    def add(self, value: float, now_ns: int) -> None:
        """Count a finite value at a monotonic time."""
        number = now_ns // self._slice_ns
        self._forget(number)
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append((number, Sketch()))
        self._slices[-1][1].add(value)

    def read(self, shares: Sequence[float], now_ns: int) -> list[float | None]:
        """Return a quantile for each share; None where the window is empty."""
        self._forget(now_ns // self._slice_ns)
        whole = Sketch()
        for _, sketch in self._slices:
            whole.merge(sketch)
        return [whole.quantile(share) for share in shares]

    def _forget(self, number: int) -> None:
        while self._slices and self._slices[0][0] <= number - _SLICES:
            self._slices.popleft()
