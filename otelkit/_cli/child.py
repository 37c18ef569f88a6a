"""The program that ``otelkit run`` starts: its own process, in our process group, with our terminal."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from otelkit._cli.find_program import NOT_EXECUTABLE, NOT_FOUND, CannotStartError, Program

# Python ignores these for itself; a program started by a shell finds them at their defaults.
_IGNORED_BY_PYTHON: Final = tuple(
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ", "SIGXFZ") if hasattr(signal, name)
)


class Child:
    """A started program. Thread-safe.

    It stays in our process group, so that the terminal treats both as one job: Ctrl-C and Ctrl-Z reach it directly, and it
    may read the terminal. Standard streams and other inherited descriptors are ours, unless ``descriptors`` says otherwise.

    Args:
        program: What to start.
        env: Its whole environment.
        signal_mask: The signals that it starts with blocked.
        descriptors: (ours, its): descriptors put in place of its own.

    Raises:
        CannotStartError: The system refuses to execute it.
    """

    def __init__(
        self,
        program: Program,
        env: Mapping[str, str],
        *,
        signal_mask: Iterable[signal.Signals | int] = (),
        descriptors: Sequence[tuple[int, int]] = (),
    ) -> None:
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            # Inherited from a careless parent, it would make the system throw the exit code away.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        actions: list[Any] = [
            (os.POSIX_SPAWN_DUP2, ours, its) for ours, its in descriptors
        ]  # Any: tuples of several shapes
        try:
            self.pid: Final = os.posix_spawn(
                program.path,
                program.words,
                env,
                file_actions=actions,
                setsigmask=list(signal_mask),
                setsigdef=_IGNORED_BY_PYTHON,
            )
        except OSError as error:
            code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
            raise CannotStartError(
                f"{program.path} can't be started ({error.strerror}). "
                "A script needs a first line such as `#!/usr/bin/env python3`.",
                exit_code=code,
            ) from error
        self._lock = threading.Lock()
        self._status: int | None = None

    @property
    def exit_code(self) -> int:
        """How it ended, as a shell says it: its exit code, or 128 + N if signal N killed it."""
        killed_by = self.killed_by
        return 128 + killed_by if killed_by else os.WEXITSTATUS(self._ended_with())

    @property
    def killed_by(self) -> int:
        """The signal that killed it; 0 if it ended by itself."""
        status = self._ended_with()
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0

    def ended(self) -> bool:
        """Return whether it has ended."""
        return self._reap(os.WNOHANG)

    def wait(self) -> None:
        """Return when it has ended."""
        # Waiting without collecting it keeps its id from being given to another process while `send` may still use it.
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        self._reap(0)

    def send(self, number: int) -> None:
        """Send it a signal; nothing happens when it has ended."""
        with self._lock:
            if self._status is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(self.pid, number)

    def _reap(self, flags: int) -> bool:
        with self._lock:
            if self._status is None:
                try:
                    pid, status = os.waitpid(self.pid, flags)
                except ChildProcessError:
                    # Somebody else collected it: its status is lost.
                    pid, status = self.pid, 0
                if pid:
                    self._status = status
            return self._status is not None

    def _ended_with(self) -> int:
        assert self._status is not None, "it has not ended"
        return self._status
