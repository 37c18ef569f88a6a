"""The bytes that the receiver holds for its senders: what is being read, what waits to be stored, what is being stored."""

from __future__ import annotations

import threading

from otelkit.errors import ReceiverError


class Busy(ReceiverError):
    """The receiver holds as much as it may. ``retry_after_s`` is when to come again, in whole seconds, at least 1."""

    def __init__(self, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            f"The receiver holds as much unstored telemetry as it may. Send it again in {retry_after_s} s."
        )


class InFlight:
    """A bound on the bytes of all requests together. Thread-safe.

    Args:
        limit_bytes: Most bytes held at a time, >= 1. A single request may be larger, when it is alone: else it could
            never be taken.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._held_bytes = 0
        self._stored_bytes_per_s = 0.0

    @property
    def held_bytes(self) -> int:
        """Bytes held now."""
        return self._held_bytes

    def open(self) -> Share:
        """Return the share of one request, empty."""
        return Share(self)

    def stored(self, count_bytes: int, seconds: float) -> None:
        """Learn how fast telemetry is stored, for the advice in `Busy`."""
        rate = count_bytes / max(seconds, 1e-6)
        with self._lock:
            # A moving average over about five groups: steady, and still quick to notice a slow disk.
            before = self._stored_bytes_per_s or rate
            self._stored_bytes_per_s = before + (rate - before) * 0.2

    def busy(self) -> Busy:
        """Return the error for a sender that has to wait: until half of what is held now should be stored."""
        with self._lock:
            rate, held = self._stored_bytes_per_s, self._held_bytes
        seconds = held / 2 / rate if rate > 0 else 1.0
        return Busy(min(30, max(1, round(seconds))))

    def _move(self, before: int, after: int) -> bool:
        with self._lock:
            held = self._held_bytes - before
            if after > before and held > 0 and held + after > self.limit_bytes:
                return False
            self._held_bytes = held + after
            return True


class Share:
    """What one request holds. Belongs to one request; `release` may come from another thread."""

    __slots__ = ("_in_flight", "size_bytes")

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self.size_bytes = 0

    def grow(self, count_bytes: int) -> None:
        """Hold ``count_bytes`` more.

        Raises:
            Busy: All requests together would hold too much; nothing was added.
        """
        if not self._in_flight._move(self.size_bytes, self.size_bytes + count_bytes):
            raise self._in_flight.busy()
        self.size_bytes += count_bytes

    def resize(self, size_bytes: int) -> None:
        """Hold ``size_bytes``, at most what is held now: the request was rewritten in a shorter form."""
        size_bytes = min(size_bytes, self.size_bytes)
        self._in_flight._move(self.size_bytes, size_bytes)
        self.size_bytes = size_bytes

    def release(self) -> None:
        """Hold nothing any more. Repeated calls do nothing."""
        self.resize(0)
