"""Importing on a thread of ours, without a fork coming in between."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LONGEST_WAIT_S: Final = 2.0
"""Longest time a fork waits for an import: longer than any takes, and a fork must not hang."""


class _Importing:
    """A child that is forked while another thread imports inherits the lock of the half-imported module for ever."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        # Threads that fork right now and have the lock: two may do so one after the other.
        self._forking: set[int] = set()

    def begin(self) -> None:
        self._lock.acquire()

    def end(self) -> None:
        self._lock.release()

    def before_fork(self) -> None:
        if self._lock.acquire(timeout=_LONGEST_WAIT_S):
            self._forking.add(threading.get_ident())

    def after_fork_in_parent(self) -> None:
        me = threading.get_ident()
        if me in self._forking:
            self._forking.discard(me)
            self._lock.release()

    def after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        self._forking = set()


_importing = _Importing()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_importing.before_fork,
        after_in_parent=_importing.after_fork_in_parent,
        after_in_child=_importing.after_fork_in_child,
    )


@contextmanager
def no_fork() -> Iterator[None]:
    """Hold up forks of this process inside the block, which imports; two seconds at most."""
    _importing.begin()
    try:
        yield
    finally:
        _importing.end()
