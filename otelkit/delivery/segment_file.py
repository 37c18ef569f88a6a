"""A segment becomes a file of the spool: whole or not at all, whoever is killed meanwhile."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from otelkit._folder import PRIVATE_FILE, make_private_folder, write_all


def store(folder: Path, parts: Sequence[bytes], *, forced: bool) -> Path:
    """Write ``parts``, which are a segment, into ``folder``, which is made if need be; return the file.

    Args:
        folder: The spool.
        parts: What `segment.head` returns, and the body.
        forced: Wait until it is on the disk, which takes milliseconds; else the system writes it within half a minute.

    Raises:
        OSError: It can't be written; nothing of it stays.
    """
    try:
        return _store(folder, parts, forced)
    except FileNotFoundError:
        # The store's folder is above it.
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        return _store(folder, parts, forced)


def _store(folder: Path, parts: Sequence[bytes], forced: bool) -> Path:
    # Sorts by time; unique among threads, processes and containers that share the folder.
    name = f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(4).hex()}"
    unfinished, path = folder / f".{name}.tmp", folder / f"{name}.otlp"
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        # A reader takes an unfinished file that nobody locks as left over from a process that was killed.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for part in parts:
            write_all(file, part)
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
        _force_names(folder)
    return path


def _force_names(folder: Path) -> None:
    """Force the folder to the disk: a file whose name is lost is lost too."""
    # Some file systems refuse to force a folder, and the request is there all the same.
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)
