"""How many traces of one kind come per second, learnt from how many came."""

from __future__ import annotations

import math
from typing import Final

_MEMORY_WINDOWS: Final = 4
"""The estimate is the mean since the last change, and after so many windows one that forgets: what is learnt in a window then
counts for a quarter. More would make it steadier than it needs to be: what is kept is itself random, by 1 / √kept."""
_SIGNIFICANT: Final = 3.0
"""Standard errors beyond which a window is no chance any more: the rate has changed."""
_SLOWEST: Final = 3.5
"""The estimate falls by this factor per window at most: after a lull the next burst finds it still awake. It takes two windows
to follow a fall to a tenth."""


class ArrivalRate:
    """An estimate of a rate that rises at once, falls slowly, and in between does not follow chance. Not thread-safe."""

    __slots__ = ("_windows", "per_s", "slack_per_s")

    def __init__(self, per_s: float) -> None:
        self.per_s = per_s
        """The estimate; at first a guess, which the first observation changes."""
        self.slack_per_s = 0.0
        """One arrival over all the time that the estimate is of. Whoever divides by the rate adds it: for Poisson arrivals the
        mean of 1 / (n + 1) is 1 / the mean of n, nearly, while that of 1 / n is larger, or infinite."""
        self._windows = 0.0

    @property
    def is_observed(self) -> bool:
        """Whether the estimate is of whole windows; else it is a guess."""
        return self._windows > 0

    @property
    def wary_per_s(self) -> float:
        """What to divide by; above 0."""
        return max(self.per_s + self.slack_per_s, 1e-12)

    def guess(self, per_s: float, interval_s: float = math.inf) -> None:
        """Take an estimate from elsewhere, or from an interval too short to be believed for long."""
        self.per_s = per_s
        self.slack_per_s = 1 / interval_s
        self._windows = 0.0

    def is_usual(self, arrivals: int, interval_s: float, window_s: float) -> bool:
        """Say whether so many arrivals in an interval may be chance, if the estimate is right; False while it is a guess."""
        if not self._windows:
            return False
        expected = self.per_s * interval_s
        # What comes varies, and so does what was expected.
        deviation = math.sqrt(max(expected, 1.0) * (1 + interval_s / window_s / self._windows))
        return abs(arrivals - expected) <= _SIGNIFICANT * deviation

    def drift(self, arrivals: int, interval_s: float, window_s: float, trend: float = 1.0) -> None:
        """Learn from an interval with a usual number of arrivals.

        Args:
            arrivals: In the interval.
            interval_s: Its length, above 0; usually one window.
            window_s: The time for which it is to react.
            trend: By what factor all rates have changed.
        """
        weight = interval_s / window_s
        known = self._windows = min(self._windows + weight, max(_MEMORY_WINDOWS, weight))
        before = self.per_s * trend
        self.per_s = before + (arrivals / interval_s - before) * weight / known
        # An estimate that forgets is as good as the mean of nearly twice its memory.
        self.slack_per_s = 1 / (window_s * (2 * known - 1 if known >= _MEMORY_WINDOWS else known))

    def change(self, arrivals: int, interval_s: float, window_s: float) -> None:
        """Learn from an interval that shows that the rate is another one: at once if it has risen, slowly if it has fallen."""
        lately = arrivals / interval_s
        weight = interval_s / window_s
        lowest = self.per_s * math.pow(_SLOWEST, -weight)
        if lately >= lowest:
            self.per_s = lately
            self._windows = weight
            self.slack_per_s = 1 / interval_s
        else:
            self.guess(lowest)
