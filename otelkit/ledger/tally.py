"""A counter that threads and signal handlers may add to without waiting for each other."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final


class Tally:
    """A sum. `add` takes no lock, so that a signal handler may flush while the thread it interrupted was adding."""

    _FOLD_AT: Final = 4096

    __slots__ = ("_added", "_folding", "_sum")

    def __init__(self) -> None:
        self._added: deque[int] = deque()
        self._folding = threading.Lock()
        self._sum = 0

    def add(self, count: int) -> None:
        """Add ``count``. Appending to a deque is one step for the interpreter, where ``+=`` is three."""
        added = self._added
        added.append(count)
        if len(added) >= self._FOLD_AT and self._folding.acquire(blocking=False):
            try:
                self._fold()
            finally:
                self._folding.release()

    def total(self) -> int:
        """Return the sum of everything added before this call."""
        # Bounded, and not reentrant on purpose: interrupted while folding, a handler's reading may miss what is being
        # folded, which is better than waiting for itself forever.
        held = self._folding.acquire(timeout=0.2)
        try:
            if held:
                self._fold()
            return self._sum + sum(tuple(self._added))
        finally:
            if held:
                self._folding.release()

    def _fold(self) -> None:
        added = self._added
        for _ in range(len(added)):
            self._sum += added.popleft()
