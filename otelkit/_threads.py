"""Threads that take no signals: what is sent to the program is for the program's own threads."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
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
    # Asked first: a handler that raises inside the call that blocks must not leave everything blocked for good.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _FAULTS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start(thread: threading.Thread, hold: Callable[[threading.Thread | None], None] = lambda thread: None) -> bool:
    """Start a thread of ours; False if none can be started: the interpreter shuts down.

    A signal handler of the program's may raise out of here, whether the thread has been started or not.

    Args:
        thread: Not started yet. It must end at once if it is not the one that is held.
        hold: Notes the thread before it is started, so that no second one is; None where it did not come to that.
    """
    hold(thread)
    try:
        with signals_left_alone():
            thread.start()
    except RuntimeError:
        hold(None)
        return False
    except BaseException:
        if thread.ident is None:
            hold(None)
        raise
    return True
