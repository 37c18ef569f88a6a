"""One writer at a time, whatever becomes of it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from otelkit._folder import PRIVATE_FILE
from otelkit.errors import StoreError, StoreLockedError


class WriterLock:
    """An advisory lock beside the store's file. The kernel lets go of it when its process dies, however that happens."""

    def __init__(self, store: Path) -> None:
        self._store: Final = store
        self._path: Final = store.with_name(store.name + ".lock")
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            StoreLockedError: Another writer has it; the message names its process.
            StoreError: The lock file can't be made.
        """
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise StoreError(
                f"the store {self._store} could not be opened for writing: {error}; expected a folder that this user may "
                "write. Change its permissions, or name another folder in the setting store_dir.",
                path=self._store,
            ) from error
        try:
            self._hold(file)
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def _hold(self, file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreLockedError(
                f"the store {self._store} is being written by another process (pid {_holder(file)}); expected to be the only "
                "writer. Use that receiver, stop it with `otelkit down`, or name another folder in the setting store_dir.",
                path=self._store,
            ) from error
        except OSError as error:
            raise StoreError(
                f"the store {self._store} could not be opened for writing: {self._path} can't be locked ({error}); expected "
                "a file system with advisory locks. Name a folder on another one in the setting store_dir.",
                path=self._store,
            ) from error
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise StoreError(
                f"the store {self._store} could not be opened for writing: {self._path} can't be written ({error}); "
                "expected room on its file system. Free some space, or name another folder in the setting store_dir.",
                path=self._store,
            ) from error

    def release(self) -> None:
        """Let go of the lock, if held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _holder(file: int) -> str:
    """Return the process id that the holder of the lock wrote into its file."""
    with suppress(OSError):
        return os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
    return "unknown"
