"""From which duration on a trace is slow: for each pipeline and stage, learnt from earlier ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from otelkit.sampling.quantiles import DurationSketch

Key = tuple[str, str]
"""Pipeline and stage."""

_MEMORY: Final = 20_000
"""Durations that a key remembers, or four times as many as it needs to begin; the older half fades."""


class _Learnt:
    __slots__ = ("sketch", "slow_ns", "unread")

    def __init__(self, sketch: DurationSketch) -> None:
        self.sketch = sketch
        self.slow_ns: int | None = None
        self.unread = 0


class Slowness:
    """Says whether a duration is slow for its key, and learns from it afterwards: it is judged by earlier ones only.

    None is slow before as many were seen as make one beyond the quantile: 100 for 0.99. A key beyond ``max_keys`` takes the
    place of the one that was not seen for longest. Not thread-safe.

    Args:
        quantile: Share of the earlier traces that a slow one exceeds, 0 < quantile < 1.
        threshold_ns: In place of what is learnt: slow is what takes longer than this; 0: learn.
        max_keys: Most keys told apart, >= 1; 5 KB each.
    """

    def __init__(self, quantile: float, threshold_ns: int = 0, max_keys: int = 1000) -> None:
        self._quantile = quantile
        self._constant_ns = threshold_ns
        self._max_keys = max_keys
        self._enough = 1 / (1 - quantile)
        self._memory = max(_MEMORY, 4 * self._enough)
        self._learnt: OrderedDict[Key, _Learnt] = OrderedDict()

    def __len__(self) -> int:
        return len(self._learnt)

    def is_slow(self, key: Key, duration_ns: int) -> bool:
        """Return whether this is slow by what is known so far."""
        threshold_ns = self.threshold_ns(key)
        return threshold_ns is not None and duration_ns > threshold_ns

    def threshold_ns(self, key: Key) -> int | None:
        """Return what a slow trace of this key exceeds; None: not known yet."""
        if self._constant_ns:
            return self._constant_ns
        learnt = self._learnt.get(key)
        return None if learnt is None else learnt.slow_ns

    def learnt(self) -> list[tuple[str, str, list[tuple[int, float]]]]:
        """Return what is known of each key, to be stored: pipeline, stage, and the buckets of the sketch."""
        known = list(self._learnt.items())
        return [(*key, [(bucket, round(count, 3)) for bucket, count in each.sketch.buckets()]) for key, each in known]

    def remember(self, learnt: Iterable[Sequence[Any]]) -> None:  # Any: JSON
        """Go on from what `learnt` has returned; of more keys than there is room for the last ones stay.

        Raises:
            ValueError, TypeError: It is none of that.
        """
        if self._constant_ns:
            return
        found: OrderedDict[Key, _Learnt] = OrderedDict()
        for pipeline, stage, buckets in learnt:
            pairs = [(int(bucket), float(count)) for bucket, count in buckets if count > 0]
            each = _Learnt(DurationSketch.of(pairs, self._memory))
            if each.sketch.count >= self._enough:
                each.slow_ns = each.sketch.quantile_ns(self._quantile)
            found[str(pipeline), str(stage)] = each
        while len(found) > self._max_keys:
            found.popitem(last=False)
        self._learnt = found

    def learn(self, key: Key, duration_ns: int) -> None:
        """Remember a duration."""
        if self._constant_ns:
            return
        learnt = self._learnt.get(key)
        if learnt is None:
            if len(self._learnt) >= self._max_keys:
                self._learnt.popitem(last=False)
            learnt = self._learnt[key] = _Learnt(DurationSketch(self._memory))
        else:
            self._learnt.move_to_end(key)
        learnt.sketch.add(duration_ns)
        learnt.unread += 1
        # To read a quantile takes a look at all buckets; it moves little while the count grows by a sixteenth.
        if learnt.sketch.count >= self._enough and (
            learnt.slow_ns is None or 16 * learnt.unread >= learnt.sketch.count
        ):
            learnt.slow_ns = learnt.sketch.quantile_ns(self._quantile)
            learnt.unread = 0
