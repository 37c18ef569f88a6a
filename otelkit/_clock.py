"""Time, as an object that tests can replace."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where a component reads the time."""

    def now_ns(self) -> int:
        """Return the wall-clock time in nanoseconds since the Unix epoch. May jump."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds since an arbitrary start. Never goes back; use it for durations."""


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ()
    now_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.perf_counter_ns)


SYSTEM_CLOCK: Clock = SystemClock()
