"""What the receiver took and what it refused, counted by reason."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from otelkit.model.signals import Signal

MALFORMED: Final = "malformed"
TRUNCATED: Final = "truncated"
TOO_LARGE: Final = "too_large"
WRONG_TYPE: Final = "wrong_type"
BUSY: Final = "busy"
UNAUTHORIZED: Final = "unauthorized"
WRONG_HOST: Final = "wrong_host"
NOT_STORED: Final = "not_stored"
TOO_SLOW: Final = "too_slow"
NOT_HERE: Final = "not_here"


class Tally:
    """Counts since the receiver started. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self._taken: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def taken(self, signal: Signal, count: int, rejected: int) -> None:
        """Count a request that was stored: its spans, points or log records, and those of them that were invalid."""
        with self._lock:
            self._requests += 1
            self._taken[signal] += count
            if rejected:
                self._rejected[signal] += rejected

    def refused(self, reason: str) -> None:
        """Count a request that was refused whole; ``reason`` is one of the constants above."""
        with self._lock:
            self._refused[reason] += 1

    def snapshot(self) -> Mapping[str, Any]:
        """Return ``requests`` stored, ``taken`` and ``rejected`` by signal, and ``refused`` requests by reason."""
        with self._lock:
            return {
                "requests": self._requests,
                "taken": dict(self._taken),
                "rejected": dict(self._rejected),
                "refused": dict(self._refused),
            }
