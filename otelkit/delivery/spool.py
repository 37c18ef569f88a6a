"""Telemetry on disk: what could not be sent, kept for the next `otelkit up` or `otelkit run`."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from otelkit._folder import make_private_folder
from otelkit._guard import in_forked_child
from otelkit.delivery import segment
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
            write within the same quarter of a second may exceed it by what they write in it.
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
            path = self._store(segment.head(signal, count, body, destination), body, forced=forced)
        except OSError as error:
            self._reserve(-size)
            self._account.lost(signal, count, Loss.SPOOL_FAILED)
            reason = error.strerror or str(error)
            self._say(reason, "the spool %s can't be written: %s; telemetry is lost", self.folder, reason)
            return None
        self._account.spooled(signal, count)
        return path

    def _say(self, cause: str, message: str, *arguments: object) -> None:
        if cause not in self._said:
            self._said.add(cause)
            _log.error(message, *arguments)

    def _reserve(self, size: int) -> bool:
        # Bounded: a signal handler that spools may have interrupted this very thread in here.
        held = self._lock.acquire(timeout=0.2)
        try:
            now = time.monotonic()
            if size > 0 and (self._looked_at is None or now - self._looked_at > _FRESH_S):
                self._used = spool_state(self.folder).bytes
                self._looked_at = now
            if size > 0 and self._used + size > self._max_bytes:
                return False
            self._used += size
            return True
        finally:
            if held:
                self._lock.release()

    def _store(self, *parts: bytes, forced: bool) -> Path:
        try:
            return self._store_in_folder(parts, forced)
        except FileNotFoundError:
            # The store's folder is above it.
            make_private_folder(self.folder.parent)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            return self._store_in_folder(parts, forced)

    def _store_in_folder(self, parts: tuple[bytes, ...], forced: bool) -> Path:
        # Sorts by time; unique among threads, processes and containers that share the folder.
        name = f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(4).hex()}"
        unfinished, path = self.folder / f".{name}.tmp", self.folder / f"{name}.otlp"
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # A reader takes an unfinished file that nobody locks as left over from a process that was killed.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for part in parts:
                rest = memoryview(part)
                while rest:
                    rest = rest[os.write(file, rest) :]
            if forced:
                os.fsync(file)
            fcntl.flock(file, fcntl.LOCK_UN)
            unfinished.rename(path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink()
            raise
        finally:
            os.close(file)
        if forced:
            self._force_names()
        return path

    def _force_names(self) -> None:
        """Force the folder to the disk: a file whose name is lost is lost too."""
        # Some file systems refuse to force a folder, and the request is there all the same.
        with suppress(OSError):
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
