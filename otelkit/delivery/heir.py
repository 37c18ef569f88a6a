"""Who sends what a child hands over: the program that started it, as long as it is there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from otelkit._guard import in_forked_child

_VARIABLE: Final = "OTELKIT_HEIR"
"""Tells children that are not forked who it is: process, its start, and the folder that it looks into."""
_ENDED: Final = ("Z", "X")
"""States of processes that are over and not yet gone."""


class Heir:
    """The process that looks for what its children, and theirs, leave in the spool.

    A child that is killed while it sends has perhaps sent: whoever sends for it would send twice. So a child does not send, but
    leaves what it has to a process that nobody is about to kill. If there is none, the child sends, as any other process does.

    Args:
        folder: The spool, which the processes share.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(Path(folder).absolute())
        self._heir: str | None = None
        self._is_child = False
        in_forked_child(self.is_child)

    def is_child(self) -> None:
        """Hear that this process is a child: whoever stood before it was started is its heir."""
        self._is_child = True
        self._heir = self._heir or os.environ.get(_VARIABLE)

    def stand(self) -> bool:
        """Hear that this process starts a child; return whether it is to look for what children leave.

        It is, unless the program that has started it is there and does: multiprocessing's fork server is nobody's heir.
        """
        me = f"{os.getpid()} {_started(os.getpid())} {self._folder}"
        known = self._heir or os.environ.get(_VARIABLE)
        if known != me and self._is_there(known):
            self._heir = known
            return False
        if known != me:
            self._is_child = False
            self._heir = os.environ[_VARIABLE] = me
        return True

    def is_elsewhere(self) -> bool:
        """Whether the program that has started this one looks, also before this process is known to be a child."""
        known = os.environ.get(_VARIABLE)
        return known is not None and not known.startswith(f"{os.getpid()} ") and self._is_there(known)

    def lives(self) -> bool:
        """Whether somebody else is there who sends what this process hands over."""
        return self._is_child and self._is_there(self._heir)

    def _is_there(self, heir: str | None) -> bool:
        if heir is None:
            return False
        pid, started, folder = (*heir.split(" ", 2), "", "")[:3]
        return pid.isdecimal() and folder == self._folder and started != "" and started == _started(int(pid))


def _started(pid: int) -> str:
    """Return what tells a process from later ones with its number; empty if there is no such process.

    Where the system does not say when it was started, that it is there is all there is to know.
    """
    with suppress(OSError, IndexError):
        # The name may hold blanks and brackets; after it come the state and, 19 fields on, the start.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in _ENDED else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass  # it is there, and somebody else's
    return "here"
