"""A clock that stands still until it is told to move."""

from __future__ import annotations

from typing import Final

START_NS: Final = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""


class FakeClock:
    """Implements otelkit's ``Clock``. Wall clock and monotonic clock move together.

    Args:
        now_ns: Where the wall clock starts, in Unix nanoseconds. The monotonic clock starts at 0.
    """

    def __init__(self, now_ns: int = START_NS) -> None:
        self._start_ns = now_ns
        self._passed_ns = 0

    def now_ns(self) -> int:
        """Return the wall-clock time in Unix nanoseconds."""
        return self._start_ns + self._passed_ns

    def monotonic_ns(self) -> int:
        """Return nanoseconds since the clock was made."""
        return self._passed_ns

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass; at least 0."""
        if seconds < 0:
            raise ValueError(f"a clock was advanced by {seconds} s; expected 0 or more")
        self._passed_ns += round(seconds * 1e9)
