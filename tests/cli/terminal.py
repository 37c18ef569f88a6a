"""A terminal of the test's own, with a program in front of it."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.cli.running import environment


class Terminal:
    """Starts a program as the leader of a session on a new terminal. Ends it, at the latest, on leaving the block."""

    def __init__(
        self,
        folder: Path,
        words: Sequence[str],
        *,
        columns: int = 100,
        rows: int = 40,
        http_port: int | None = None,
        **env: str,
    ) -> None:
        self.text = ""
        """Everything printed so far; line ends as on Unix."""
        whole = environment(http_port, **{"TERM": "xterm-256color", **env})
        self.pid, self._master = os.forkpty()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                os.chdir(folder)
                os.execvpe(words[0], list(words), whole)
            finally:
                os._exit(127)
        self._status: int | None = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._master)

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, text: str, timeout_s: float = 60) -> None:
        """Read until ``text`` was printed."""
        while text not in self.text:
            assert self._read(timeout_s), f"{text!r} never came: {self.text}"

    def end(self, timeout_s: float = 60) -> int:
        """Read to the end; return the exit code, or minus the signal."""
        while self._read(timeout_s):
            pass
        self._status = os.waitpid(self.pid, 0)[1]
        return os.waitstatus_to_exitcode(self._status)

    def _read(self, timeout_s: float) -> bool:
        assert select.select([self._master], [], [], timeout_s)[0], f"nothing for {timeout_s} s: {self.text}"
        try:
            chunk = os.read(self._master, 65536)
        except OSError:  # nobody has the other end open any more
            return False
        self.text = (self.text + chunk.decode(errors="replace")).replace("\r\n", "\n")
        return bool(chunk)
