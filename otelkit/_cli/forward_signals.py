"""Hand the signals that reach ``otelkit run`` on to its program, once."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any, Final

from otelkit._cli.child import Child
from otelkit._cli.group_witness import GroupWitness

_FORWARDED: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_POLL_S: Final = 1.0
_ALL_ROUND_S: Final = 0.01
"""So long after the first of a process group has a signal the others have it too."""
# What the kernel says of a signal that no process sent, see sigaction(2): the terminal made it.
_SI_KERNEL: Final = 0x80


class SignalForwarder:
    """Takes the signals of this process and sends them to the program.

    What the terminal sends (Ctrl-C, Ctrl-\\, hanging up) goes to the whole process group, and so does what ``timeout`` and
    others send to all of a job: the program has it already, and a second one would make many programs give up what they were
    cleaning up. The rest is for us alone and handed on.
    Signals that were ignored when we started (``nohup``, a shell's background job) stay so, for the program too.

    Made on the main thread before any other thread is started, because a signal may be taken by any thread that does not
    block it. Until `stop` the main thread is never interrupted.
    """

    def __init__(self) -> None:
        self._signals = {
            number
            for number in (getattr(signal, name) for name in _FORWARDED)
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        self.mask_before: Final = signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._early: int = 0
        self._from_terminal: set[int] = set()
        self._stopping = False
        self._witness = GroupWitness(self._signals)
        self._thread = threading.Thread(target=self._run, name="otelkit-signals", daemon=True)
        self._thread.start()

    @property
    def early(self) -> int:
        """The signal that came before there was a program to send it to; 0 if none did."""
        return self._early

    def typed(self, number: int) -> bool:
        """Return whether a signal came from the terminal's keyboard."""
        return number in self._from_terminal

    def forward_to(self, child: Child) -> None:
        """Hand on from now, and what came before."""
        with self._lock:
            self._child = child
            early = self._early
        if early:
            child.send(early)

    def stop(self) -> None:
        """Stop taking signals: from here on they do to this process what they always do."""
        self._stopping = True
        if self._signals and self._thread.ident is not None:
            # Wakes it at once; it drops what it takes from here on.
            signal.pthread_kill(self._thread.ident, min(self._signals))
        self._thread.join()
        self._witness.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask_before)

    def _run(self) -> None:
        while not self._stopping:
            number, from_terminal = self._next()
            if number and not self._stopping:
                self._take(number, from_terminal)

    def _take(self, number: int, from_terminal: bool) -> None:
        with self._lock:
            if from_terminal:
                self._from_terminal.add(number)
            child = self._child
            if child is None:
                self._early = self._early or number
                return
        if not from_terminal and not self._came_to_all(number):
            child.send(number)

    def _came_to_all(self, number: int) -> bool:
        time.sleep(_ALL_ROUND_S)
        if not self._witness.saw(number):
            return False
        if hasattr(signal, "sigtimedwait"):
            # Sent to us and then to all of us, as `timeout` does it: that was one.
            signal.sigtimedwait({number}, 0)
        self._witness.renew()
        return True

    def _next(self) -> tuple[int, bool]:
        """Return the next signal and whether the terminal sent it; (0, False) if none came for a while."""
        if hasattr(signal, "sigtimedwait"):
            info = signal.sigtimedwait(self._signals, _POLL_S)
            return (info.si_signo, info.si_code == _SI_KERNEL) if info is not None else (0, False)
        return self._next_untold()

    def _next_untold(self) -> tuple[int, bool]:
        # Where the system does not say who sent it: a key's signal is taken to come from the terminal that we are in front of.
        if not signal.sigpending() & self._signals:
            threading.Event().wait(_POLL_S)
            return 0, False
        number = signal.sigwait(self._signals)
        return number, number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP) and _in_foreground()


def _in_foreground() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def die_of(number: int) -> Any:  # Any: does not return, unless the signal is ignored
    """End this process by a signal, as its program ended: a shell stops its own loop only for a child that died of Ctrl-C."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
