"""What the arrivals of many keys have in common that is too little to be seen in each: a wave that lifts all of them."""

from __future__ import annotations

import math
from typing import Final

_SIGNIFICANT: Final = 3.0
"""Standard errors beyond which it is no chance."""
_MOST: Final = 1.25
"""By how much more or less than in the last window is expected of the next one at most."""


class CommonTrend:
    """Looks at all keys of a window together, and remembers which way they went in the one before. Not thread-safe."""

    def __init__(self) -> None:
        self._factor = 1.0
        self._came = self._expected = self._variance = 0.0
        self.ahead = 1.0
        """By what factor the next window is expected to differ from the last one, in which rates were observed: a trend that
        has gone on for two windows is expected to go on; else 1."""

    def add(self, probability: float, arrivals: int, expected: float) -> None:
        """Add what came of a key in this window, and what was expected.

        Weighted by what is kept of it: that is what is to be kept at the target.
        """
        self._came += probability * arrivals
        self._expected += probability * expected
        self._variance += probability * probability * expected

    def end_window(self) -> float:
        """Return by what factor all have changed in this window, 1 where that may be chance; the next one begins."""
        factor = 1.0
        if self._expected and abs(self._came - self._expected) > _SIGNIFICANT * math.sqrt(self._variance):
            factor = self._came / self._expected
        goes_on = (factor - 1) * (self._factor - 1) > 0
        self.ahead = min(_MOST, max(1 / _MOST, factor)) if goes_on else 1.0
        self._factor = factor
        self._came = self._expected = self._variance = 0.0
        return factor
