"""Reading the spool: each request once, by one reader at a time."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otelkit.delivery.file_lock import lock
from otelkit.delivery.left_sealed import take_in
from otelkit.delivery.sealed_file import SUFFIX
from otelkit.delivery.segment import SegmentError, parse
from otelkit.model.signals import Signal

_log = logging.getLogger("otelkit.delivery")

# A file this young may belong to a writer that has not locked it yet.
_UNFINISHED_FOR_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What lies in a spool, without opening its files."""

    requests: int = 0
    """Waiting to be taken in; what a process has sealed counts as one."""
    bytes: int = 0
    """Of all files, damaged and unfinished ones included."""
    damaged: int = 0
    """Files set aside because they could not be read."""


def spool_state(folder: Path) -> SpoolState:
    """Return what lies in ``folder`` now; nothing, if there is no such folder or it can't be listed."""
    requests = size = damaged = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                # Another process may have taken the file since it was listed.
                size += entry.stat(follow_symlinks=False).st_size
                requests += entry.name.endswith((".otlp", SUFFIX))
                damaged += entry.name.endswith(".damaged")
    return SpoolState(requests, size, damaged)


class SpooledRequest:
    """One request from the spool. It is this reader's until `done` or `release`, also if other processes read too.

    Delivery is at least once: a reader that is killed between handing the request on and `done` leaves it to the next one.
    """

    __slots__ = ("_file", "_pid", "body", "count", "path", "signal")

    def __init__(self, path: Path, file: int, signal: Signal, body: bytes, count: int) -> None:
        self.path = path
        """Where it lies."""
        self._file: int | None = file
        self._pid = os.getpid()
        self.signal = signal
        self.body = body
        """An OTLP export request, protobuf."""
        self.count = count
        """Spans, points or records in it."""

    def done(self) -> None:
        """Delete the request: it is safe elsewhere."""
        with suppress(FileNotFoundError):
            self.path.unlink()
        self.release()

    def release(self) -> None:
        """Leave the request in the spool, for another reader."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                # A child that was forked meanwhile has it open too, and would keep the lock. In that child this is not done.
                if self._pid == os.getpid():
                    fcntl.flock(file, fcntl.LOCK_UN)
            os.close(file)

    def __del__(self) -> None:
        self.release()


def read_spool(folder: Path, on_damaged: Callable[[Path, str], None] | None = None) -> Iterator[SpooledRequest]:
    """Yield the requests that wait in ``folder``, oldest first, each checked; skip those that another process reads.

    What processes that are killed have left sealed there is among them.

    Each request holds a file open until it is done, released or garbage: don't collect thousands.
    A file that is damaged is set aside as ``*.damaged`` and never read again.

    Args:
        folder: The spool; if there is none, nothing is yielded.
        on_damaged: Told of each file set aside: its new path and why. None: a warning is logged.
    """
    tell = on_damaged or _warn
    take_in(Path(folder))
    try:
        paths = sorted(Path(folder).iterdir())
    except OSError:
        return
    for path in paths:
        if path.suffix == ".otlp":
            request = take(path, tell)
            if request is not None:
                yield request
        elif path.suffix == ".tmp":
            _set_aside_if_abandoned(path, tell)


def take(path: Path, on_damaged: Callable[[Path, str], None] | None = None) -> SpooledRequest | None:
    """Return one request of the spool; None if it is gone, damaged, or another reader's. See `read_spool`."""
    tell = on_damaged or _warn
    file = lock(path)
    if file is None:
        return None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError("it is no plain file")
        with open(file, "rb", closefd=False) as stream:
            found = parse(stream.read())
    except SegmentError as error:
        _set_aside(path, str(error), tell)
        os.close(file)
        return None
    except OSError as error:
        _log.warning("the spooled request %s can't be read: %s; it stays where it is", path, error.strerror or error)
        os.close(file)
        return None
    return SpooledRequest(path, file, found.signal, found.body, found.count)


def _set_aside_if_abandoned(path: Path, tell: Callable[[Path, str], None]) -> None:
    with suppress(OSError):
        if time.time() - path.stat().st_mtime < _UNFINISHED_FOR_S:
            return
        file = lock(path)
        if file is not None:
            _set_aside(path, "its writer was stopped while it was writing", tell)
            os.close(file)


def _set_aside(path: Path, why: str, tell: Callable[[Path, str], None]) -> None:
    aside = path.with_name(path.name.lstrip(".") + ".damaged")
    try:
        path.rename(aside)
    except OSError as error:
        _log.warning("the damaged file %s can't be set aside: %s", path, error.strerror or error)
    else:
        tell(aside, why)


def _warn(path: Path, why: str) -> None:
    _log.warning("a spooled request %s and was set aside as %s; its telemetry is lost", why, path)
