"""The file in which a process that may be killed at any moment keeps what it has not delivered yet."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from otelkit._folder import PRIVATE_FILE, make_private_folder, write_all
from otelkit.delivery.sealed_record import START, Kind, over, record
from otelkit.delivery.waiting import Waiting
from otelkit.model.signals import Signal

_log = logging.getLogger("otelkit.delivery")

SUFFIX: Final = ".sealed"
UNFINISHED: Final = ".sealing"
"""End of the name of a file that is being begun."""
_DEAD_BYTES: Final = 256 * 1024
"""What is in the file and not needed any more when the file is written anew, unless more than that is still needed."""

_Parts = tuple[bytes, bytes]
"""A record's head and its body."""
States = Mapping[int, _Parts]
"""What the states are at a moment, by number."""


class SealedFile:
    """Keeps requests of one signal, and states, in a file that outlives this process whatever ends it. Thread-safe.

    The system has what `write` has written, though not the disk: a process that is killed loses nothing, a machine that loses
    power may. The file is locked as long as this process lives: whoever finds it unlocked may take over what is in it.
    Not to be used across a fork; see `leave_to_parent`.

    Args:
        folder: Where the file goes: the spool. Made when the file is.
        signal: What is kept.
        destination: Where it is to be sent (`segment.destination`).
    """

    def __init__(self, folder: Path, signal: Signal, destination: int) -> None:
        self._folder = folder
        self._signal = signal
        self._destination = destination
        # Reentrant: a signal handler may end a stage while this thread writes.
        self._lock = threading.RLock()
        self._file: int | None = None
        self._path = folder
        self._size = 0
        self._unwritten: list[_Parts] = []
        self._writing = False
        # What would be lost with the file, by number.
        self._requests: dict[int, _Parts] = {}
        self._states: dict[int, _Parts] = {}
        self._needed = 0
        self.broken = False
        """Whether the file could not be written; nothing more is tried then."""

    # -- what is to be written -------------------------------------------------------------------------------------

    def note(self, waiting: Waiting) -> None:
        """Have the next `write` say what is new in ``waiting`` and what is gone from it."""
        # In one step: a request that goes while it is noted must not be taken for one that is still to be sent.
        with self._lock:
            for chunk in waiting.unsealed():
                parts = self._record(Kind.REQUEST, chunk.number, chunk.count, chunk.body)
                self._requests[chunk.number] = parts
                self._needed += _size(parts)
                self._unwritten.append(parts)
            gone = [number for number in waiting.gone() if number in self._requests]
            for number in gone:
                self._needed -= _size(self._requests.pop(number))
            if gone:
                self._unwritten.append((over(Kind.DONE, self._signal, gone), b""))

    def put_state(self, number: int, count: int, body: bytes) -> None:
        """Have the next `write` keep a state in place of the last one with its number."""
        with self._lock:
            self._drop_state(number)
            parts = self._states[number] = self._record(Kind.STATE, number, count, body)
            self._needed += _size(parts)
            self._unwritten.append(parts)

    def states(self) -> States:
        """Return the states there are, for `forget_states`."""
        with self._lock:
            return dict(self._states)

    def forget_states(self, states: States) -> None:
        """Have the next `write` say that ``states`` are in other records by now, but not those that were replaced since."""
        with self._lock:
            gone = [number for number, parts in states.items() if self._states.get(number) is parts]
            for number in gone:
                self._drop_state(number)
            if gone:
                self._unwritten.append((over(Kind.NO_STATE, self._signal, gone), b""))

    def _drop_state(self, number: int) -> None:
        parts = self._states.pop(number, None)
        if parts is not None:
            self._needed -= _size(parts)

    def _record(self, kind: Kind, number: int, count: int, body: bytes) -> _Parts:
        return record(kind, self._signal, number, count=count, body=body, destination=self._destination), body

    # -- writing ---------------------------------------------------------------------------------------------------

    def write(self) -> bool:
        """Hand the system what is to be written; False if it refused, now or before."""
        with self._lock:
            if self._writing:
                # A signal handler interrupted this very thread in here, which writes this too when it goes on.
                return True
            self._writing = True
            try:
                while self._unwritten and not self.broken:
                    parts, self._unwritten = self._unwritten, []
                    self._write_out(parts)
            except OSError as error:
                self._give_up(error)
            finally:
                self._writing = False
            return not self.broken

    def hand_over(self, numbers: Collection[int]) -> bool:
        """Leave the requests with these numbers, and the states, to whoever looks for them; False if that failed.

        They are in a file then that this process has no more to do with; what else is kept goes into a new one.
        """
        with self._lock:
            if not self.write() or self._file is None or self._writing:
                return False
            left, path, self._file = self._file, self._path, None
            self._requests = {number: parts for number, parts in self._requests.items() if number not in numbers}
            self._states = {}
            self._needed = sum(map(_size, self._requests.values()))
            try:
                if self._requests:
                    self._begin()
                    write_all(left, over(Kind.DONE, self._signal, list(self._requests)))
            except OSError as error:
                # This process goes on with all of it: nobody else may find any of it.
                with suppress(OSError):
                    path.unlink()
                self._give_up(error)
                return False
            finally:
                os.close(left)
            return True

    def close(self) -> None:
        """Delete the file, unless something in it is still needed."""
        with self._lock:
            file, self._file = self._file, None
            if file is None:
                return
            if not self._requests and not self._states:
                with suppress(OSError):
                    self._path.unlink()
            os.close(file)

    def leave_to_parent(self) -> None:
        """In a forked child: have no more to do with the file, which is the parent's. Nothing else may be called after it."""
        file, self._file = self._file, None
        if file is not None:
            # Not unlocked: the lock belongs to the open file, which both have.
            with suppress(OSError):
                os.close(file)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _write_out(self, parts: list[_Parts]) -> None:
        if self._file is None:
            if self._requests or self._states:
                self._begin()
            return
        self._append(b"".join([piece for pair in parts for piece in pair]))
        if self._size - self._needed > max(_DEAD_BYTES, self._needed):
            self._begin()

    def _begin(self) -> None:
        """Write everything that is needed to a new file, which takes the place of the old one, if there is one."""
        parts = [*self._requests.values(), *self._states.values()]
        data = b"".join([START, *(piece for pair in parts for piece in pair)])
        if self._file is None:
            # Unique among processes and containers that share the folder.
            name = f"{began_at(time.time_ns())}-{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
            self._path = self._folder / name
        unfinished = self._path.with_name(f".{self._path.stem}{UNFINISHED}")
        file = self._opened(unfinished)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_all(file, data)
            unfinished.rename(self._path)
        except BaseException:
            os.close(file)
            with suppress(OSError):
                unfinished.unlink()
            raise
        before, self._file = self._file, file
        self._size = self._needed = len(data)
        if before is not None:
            os.close(before)

    def _opened(self, path: Path) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            return os.open(path, flags, PRIVATE_FILE)
        except FileNotFoundError:
            # The store's folder is above it.
            make_private_folder(self._folder.parent)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            return os.open(path, flags, PRIVATE_FILE)

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        try:
            write_all(self._file, data)
        except OSError:
            # What is cut short must not hide what comes after it.
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def _give_up(self, error: OSError) -> None:
        self.broken = True
        # What can't be marked as done must not be sent by somebody else as well.
        self._requests.clear()
        self._states.clear()
        self.close()
        # No louder: each of a thousand children would say it, and nothing is lost.
        _log.debug(
            "what this process records can't be kept safe in %s: %s; each stage waits until it is sent instead",
            self._folder, error.strerror or error,
        )  # fmt: skip


def began_at(time_ns: int) -> str:
    """Return what the name of a file begins with that was begun then; names sort as these times do."""
    return f"{time_ns:020d}"


def _size(parts: _Parts) -> int:
    return len(parts[0]) + len(parts[1])
