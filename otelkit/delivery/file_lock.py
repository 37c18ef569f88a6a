"""One reader at a time for each file of the spool, also among processes."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def lock(path: Path) -> int | None:
    """Open a file for this reader alone; None if another one has it or had it."""
    try:
        # Without O_NONBLOCK, opening a fifo would wait for its writer.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # It may have been deleted or set aside between the listing and the lock.
        if os.fstat(file).st_nlink and path.exists():
            return file
    except OSError:
        pass
    os.close(file)
    return None
