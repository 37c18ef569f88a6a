"""The end of the program: whichever way it comes, what is pending is sent within the exit limit."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from otelkit.stages._import_hook import ImportHook

_MULTIPROCESSING: Final = "multiprocessing.util"


class Ending:
    """Calls ``finish`` at the end of the process, and at the end of multiprocessing children.

    SIGTERM: flushes and then takes the default action, so that the exit status stays −15. Only in the main thread, only if
    the program has no handler of its own, never in children.

    Args:
        finish: Sends what is pending and stops; bounded in time by itself; must not raise; once is enough.
    """

    def __init__(self, finish: Callable[[], None]) -> None:
        self._finish = finish
        self._pid = os.getpid()
        self._handles_sigterm = False
        self._under_way = False
        self._signalled = False

    def install(self) -> None:
        """Register with the interpreter."""
        atexit.register(self._finish_once)
        self._install_sigterm()
        # Not imported for this: 4 ms that only a program which uses it should pay.
        util = sys.modules.get(_MULTIPROCESSING)
        if util is not None:
            self._follow(util)
        else:
            ImportHook((_MULTIPROCESSING,), self._follow, lambda name, loader: None).install()

    def in_child(self) -> None:
        """Adapt to a forked child: SIGTERM has its default action again."""
        if self._handles_sigterm and signal.getsignal(signal.SIGTERM) == self._on_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._handles_sigterm = False

    def finish_child(self) -> None:
        """Send what a multiprocessing child still holds."""
        self._finish()

    def _follow(
        self, util: Any
    ) -> None:  # Any: the module `multiprocessing.util`, whose functions its type does not tell
        # Children that multiprocessing forks or spawns end by os._exit, past atexit; they do run Finalizers. The registry of
        # these is emptied in a new child before the after-forkers run, so this is the place to register one.
        util.register_after_fork(self, _finalize_in_child)

    def _install_sigterm(self) -> None:
        if threading.current_thread() is not threading.main_thread() or os.name != "posix":
            return
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._on_sigterm)
            self._handles_sigterm = True

    def _on_sigterm(self, signum: int, frame: FrameType | None) -> None:
        if os.getpid() == self._pid:
            if self._under_way:
                # It interrupted the very flush that it would wait for, which the exit limit bounds: first that, then this.
                self._signalled = True
                return
            self._finish_once()
        _take_default_action()

    def _finish_once(self) -> None:
        if self._under_way:
            return
        self._under_way = True
        try:
            self._finish()
        finally:
            self._under_way = False
            if self._signalled:
                _take_default_action()


def _take_default_action() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def _finalize_in_child(ending: Ending) -> None:
    from multiprocessing import util

    util.Finalize(ending, ending.finish_child, exitpriority=100)
