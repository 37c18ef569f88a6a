"""A process in our process group that takes no signals, and so shows which of them were sent to the whole group."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

# It only waits until our end of its standard input is closed: by us, or by the system when we are gone.
_WORDS: Final = ("cat",)
_STDIN, _STDOUT, _STDERR = 0, 1, 2


class GroupWitness:
    """Tells whether a signal came to our whole process group, where the kernel tells who sent it but not to whom.

    Needs ``/proc``; without it, or without the program ``cat``, every signal counts as sent to us alone. Not thread-safe.

    Args:
        signals: Those to tell of.
    """

    def __init__(self, signals: Collection[int]) -> None:
        self._signals = signals
        self._pid = 0
        self._held = -1
        self._start()

    def saw(self, number: int) -> bool:
        """Return whether the signal came to the whole group since `renew`."""
        return bool(self._pid and _pending(self._pid) >> (number - 1) & 1)

    def renew(self) -> None:
        """Forget what was seen: a pending signal can't be taken back, so that it takes another witness."""
        self.close()
        self._start()

    def close(self) -> None:
        """End it. Repeated calls do nothing."""
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            os.close(self._held)
            self._pid = 0

    def _start(self) -> None:
        theirs, self._held = os.pipe()
        actions = [
            (os.POSIX_SPAWN_DUP2, theirs, _STDIN),
            (os.POSIX_SPAWN_OPEN, _STDOUT, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, _STDERR, os.devnull, os.O_WRONLY, 0),
        ]
        try:
            self._pid = os.posix_spawnp(_WORDS[0], _WORDS, os.environ, file_actions=actions, setsigmask=self._signals)
        except OSError:
            os.close(self._held)
        finally:
            os.close(theirs)


def _pending(pid: int) -> int:
    """Return the signals that wait for a process, as a bit mask."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    # What waits for the one thread of it, and for the process; what was sent to a group waits for the process.
    return next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("ShdPnd:")), 0)
