"""How long a watched queue was full, and how long it was empty, while somebody waited at it."""

from __future__ import annotations

import threading
from typing import Final

from otelkit._guard import in_forked_child

PUT: Final = "put"
GET: Final = "get"


class QueueTimes:
    """The waits at one queue in this process. Thread-safe and reentrant; a forked child counts its own."""

    def __init__(self) -> None:
        self._start_over()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        self._lock = threading.RLock()
        self._waiting = {PUT: 0, GET: 0}
        self._since_ns = {PUT: 0, GET: 0}
        self._ended_ns = {PUT: 0, GET: 0}

    def begin(self, operation: str, now_ns: int) -> None:
        """Note that somebody begins to put or to get."""
        with self._lock:
            if not self._waiting[operation]:
                self._since_ns[operation] = now_ns
            self._waiting[operation] += 1

    def end(self, operation: str, now_ns: int) -> None:
        """Note that somebody has put, has got, or has given up."""
        with self._lock:
            if self._waiting[operation]:
                self._waiting[operation] -= 1
                if not self._waiting[operation]:
                    self._ended_ns[operation] += max(0, now_ns - self._since_ns[operation])

    def waited_ns(self, operation: str, now_ns: int) -> int:
        """Return the nanoseconds in which one or more waited in this operation, up to now."""
        with self._lock:
            ongoing_ns = now_ns - self._since_ns[operation] if self._waiting[operation] else 0
            return self._ended_ns[operation] + max(0, ongoing_ns)
