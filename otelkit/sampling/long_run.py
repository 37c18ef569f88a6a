"""What is kept too much or too little again and again is made up for, slowly."""

from __future__ import annotations

from typing import Final

_PER_WINDOW: Final = 0.03
"""By how much the correction changes per window at most, for an error of `_LARGE` or more."""
_LARGE: Final = 0.25
_LOWEST: Final = 0.25
_HIGHEST: Final = 1.25
_FALL: Final = -0.4
"""Far too little is kept for a window or two when what comes has fallen, since estimates fall slowly; that ends by itself."""


class LongRun:
    """Corrects the target for errors that do not go away: where traces come in batches, mean rates say too little.

    By the sum of the probabilities, so that nothing depends on which traces were kept. Not thread-safe.
    """

    def __init__(self) -> None:
        self.correction = 1.0
        """What the target is multiplied with; between 0.25 and 1.25."""
        self.error = 0.0
        """Of the last window: (kept - target) / target, by probabilities."""

    def end_window(self, error: float, *, is_short: bool) -> None:
        """Learn from a window.

        Args:
            error: (kept - target) / target, by probabilities.
            is_short: Whether more came than was to be kept.
        """
        if not is_short:
            self.correction += (1 - self.correction) * _LARGE
        # Not for a single window: a step up is over in the next one.
        elif error * self.error > 0 and error > _FALL:
            step = _PER_WINDOW * max(-1.0, min(1.0, error / _LARGE))
            self.correction = max(_LOWEST, min(_HIGHEST, self.correction * (1 - step)))
        self.error = error
