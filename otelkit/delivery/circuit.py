"""Whether it is worth trying to send."""

from __future__ import annotations

import ipaddress
import socket
import time
from typing import Final
from urllib.parse import urlsplit

PROBE_TIMEOUT_S: Final = 0.25
"""Longest time that a look at a port of this machine takes."""

LOOK_AGAIN_S: Final = 2.0
"""After nothing listened on a port of this machine, it is looked at again."""

TRY_AGAIN_S: Final = 5.0
"""After an export failed, the next one is tried."""


# Host and port -> until when it is not worth a try, for all signals of the process: a host that does not answer one of them
# does not answer the others, and each would wait for it again. Written by several threads; the last one is right.
_silent_until: dict[str, float] = {}


class Circuit:
    """Remembers that an endpoint fails, so that what follows is spooled at once instead of waiting for retries.

    That a host is silent is shared by all circuits of the process; that it refuses what it is sent is not, since it may
    take one signal and not the others.

    An endpoint on the loopback is looked at (connected to) before the first export and after each failure: if nothing
    listens there, no export is tried, and no exporter's retries are paid for. Others are never looked at, since a proxy may
    stand between. Not thread-safe by itself; wrong answers cost a try or a spooled batch.

    Args:
        endpoint: URL; None: unknown, never looked at.
    """

    def __init__(self, endpoint: str | None) -> None:
        self._address = loopback_address(endpoint)
        self._host = _host(endpoint)
        self._proven = False
        self._open_until = 0.0

    def refused(self) -> bool:
        """Return whether nothing listens, without waiting for it longer than `PROBE_TIMEOUT_S`."""
        if self._address is None or self._proven:
            return False
        if _listens(self._address):
            return False
        self._open_until = time.monotonic() + LOOK_AGAIN_S
        return True

    @property
    def try_again_at(self) -> float:
        """Return when a try is worth it again, in `time.monotonic` seconds; in the past: now."""
        return max(self._open_until, _silent_until.get(self._host, 0.0))

    def open(self) -> bool:
        """Return whether the last failure was just now, so that a try is not worth it."""
        return time.monotonic() < self.try_again_at

    def success(self) -> None:
        """An export went through."""
        self._proven = True
        self._open_until = 0.0
        _silent_until.pop(self._host, None)

    def failure(self, *, silent: bool = False, try_again_s: float | None = None) -> None:
        """An export failed.

        Args:
            silent: No answer came in the time there was.
            try_again_s: After that the next try is worth it; None: after `TRY_AGAIN_S`.
        """
        self._proven = False
        self._open_until = time.monotonic() + (TRY_AGAIN_S if try_again_s is None else try_again_s)
        if silent and self._host:
            _silent_until[self._host] = self._open_until


def loopback_address(endpoint: str | None) -> tuple[str, int] | None:
    """Return host and port of ``endpoint`` if it is on this machine's loopback; None otherwise, or if it is no URL."""
    if not endpoint:
        return None
    try:
        url = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
        host, port = url.hostname, url.port
    except ValueError:
        return None
    if host is None:
        return None
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return None
    return (host, port or (443 if url.scheme == "https" else 80)) if loopback else None


def _host(endpoint: str | None) -> str:
    """Return what identifies the server; empty if it is unknown."""
    try:
        return urlsplit(endpoint or "").netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _listens(address: tuple[str, int]) -> bool:
    try:
        # All errors: `localhost` may be two addresses, one of which this machine does not have.
        with socket.create_connection(address, timeout=PROBE_TIMEOUT_S, all_errors=True):
            return True
    except ExceptionGroup as failures:
        # Anything but a refusal (a full backlog, no descriptors left) says nothing about who listens.
        return not any(isinstance(failure, ConnectionRefusedError) for failure in failures.exceptions)
    except OSError:
        return True
