"""How much of the normal traces is kept while the process is busy."""

from __future__ import annotations

from typing import Final

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit.sampling.load import Load

_EVERY_NS: Final = 1_000_000_000


class NormalShare:
    """Returns what the share of normal traces is multiplied with; measures the load once a second at most.

    Not thread-safe: asked by whoever judges.

    Args:
        load: Says how busy the process is.
        clock: Its monotonic clock says when to measure again.
    """

    def __init__(self, load: Load, clock: Clock = SYSTEM_CLOCK) -> None:
        self._load = load
        self._now_ns = clock.monotonic_ns
        self._measured_ns = self._now_ns()
        self._factor = 1.0

    def __call__(self) -> float:
        """Return 1.0, or less while the process is overloaded."""
        now_ns = self._now_ns()
        if now_ns - self._measured_ns >= _EVERY_NS:
            self._measured_ns = now_ns
            self._factor = self._load.measure()
        return self._factor
