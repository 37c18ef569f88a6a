"""Telemetry on disk: what could not be sent, kept for the next `otelkit up` or `otelkit run`."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Final

from otelkit._guard import in_forked_child
from otelkit.delivery import segment
from otelkit.delivery.segment_file import store
from otelkit.delivery.spool_reader import SpooledRequest, SpoolState, read_spool, spool_state
from otelkit.model.signals import Account, Loss, Signal

__all__ = ["Spool", "SpoolState", "SpooledRequest", "read_spool", "spool_state"]

_log = logging.getLogger("otelkit.delivery")

# How long the size of the folder is believed before it is looked at again; other processes write there too.
_FRESH_S: Final = 0.25


class Spool:
    """Writes requests into a folder, one file each, which appears whole or not at all, whoever is killed meanwhile.

    Any number of processes may write and read one folder. The files survive the end of every process, and a loss of power,
    since they are forced to the disk, unless their writer had no time for that.
    The folder is made when something is first written, readable only by its user.

    Args:
        folder: Where the files go. Relative to the working folder of this moment.
        max_bytes: Most bytes in the folder. Beyond it the newest request is refused and counted as lost. Processes that
            write within the same quarter of a second may exceed it by what they write in it. What children seal counts, and
            is never refused.
        account: Where spooled and lost items are counted.
    """

    def __init__(self, folder: Path, max_bytes: int, account: Account) -> None:
        self.folder = Path(folder).absolute()
        self._max_bytes = max_bytes
        self._account = account
        self._said: set[str] = set()
        self._start_over()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        self._lock = threading.Lock()
        self._used = 0
        self._looked_at: float | None = None

    def write(self, signal: Signal, body: bytes, count: int) -> bool:
        """Keep one OTLP request; False if it was refused. See `keep`."""
        return self.keep(signal, body, count) is not None

    def keep(
        self, signal: Signal, body: bytes, count: int, *, destination: int = segment.ANYWHERE, forced: bool = True
    ) -> Path | None:
        """Keep one OTLP request and return its file; None if it was refused, which is counted as lost. Never raises.

        Args:
            signal: What the request holds.
            body: The export request, protobuf.
            count: Spans, points or records in it.
            destination: Where it was to be sent (`segment.destination`).
            forced: Wait until it is on the disk, which takes milliseconds; else the system writes it within half a minute.
        """
        size = segment.OVERHEAD + len(body)
        if not self._reserve(size):
            self._account.lost(signal, count, Loss.SPOOL_FULL)
            self._say("full", "the spool %s holds its most bytes (%d); telemetry is lost", self.folder, self._max_bytes)
            return None
        try:
            path = store(self.folder, (segment.head(signal, count, body, destination), body), forced=forced)
        except OSError as error:
            self._reserve(-size)
            self._account.lost(signal, count, Loss.SPOOL_FAILED)
            reason = error.strerror or str(error)
            self._say(reason, "the spool %s can't be written: %s; telemetry is lost", self.folder, reason)
            return None
        self._account.spooled(signal, count)
        return path

    def reserve_for_others(self, size: int) -> bool:
        """Reserve so many bytes for what somebody else is to send; False if there is no room for it.

        Half of the folder stays for what can't be sent.
        """
        return self._reserve(size, of=self._max_bytes // 2)

    def _say(self, cause: str, message: str, *arguments: object) -> None:
        if cause not in self._said:
            self._said.add(cause)
            _log.error(message, *arguments)

    def _reserve(self, size: int, of: int | None = None) -> bool:
        # Bounded: a signal handler that spools may have interrupted this very thread in here.
        held = self._lock.acquire(timeout=0.2)
        try:
            now = time.monotonic()
            if size > 0 and (self._looked_at is None or now - self._looked_at > _FRESH_S):
                self._used = spool_state(self.folder).bytes
                self._looked_at = now
            if size > 0 and self._used + size > (self._max_bytes if of is None else of):
                return False
            self._used += size
            return True
        finally:
            if held:
                self._lock.release()
