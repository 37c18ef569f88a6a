"""Threads that take no signals: what is sent to the program is for the program's own threads."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_FAULTS: Final = {
    getattr(signal, name)
    for name in ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGABRT")
    if hasattr(signal, name)
}
"""Of the thread itself; `faulthandler` is to tell of them wherever they happen."""


@contextmanager
def signals_left_alone() -> Iterator[None]:
    """Start threads in the block that no signal is delivered to; those of this thread wait until the block is left.

    A signal for the whole process is handled by any thread that does not block it. If that is one of ours, the program's own
    thread is not interrupted in what it waits for, and Python runs the handler only when that has ended.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _FAULTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start(thread: threading.Thread) -> None:
    """Start a thread of ours.

    Raises:
        RuntimeError: The interpreter shuts down and starts no thread any more.
    """
    with signals_left_alone():
        thread.start()
