"""What the program prints while the live table is on the screen: its lines go above the table.

The program's terminal streams become a pseudo-terminal, so that it prints as it would on the real one: line by line, in
colour, in the right width. Its standard input stays the real terminal.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import select
import signal
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_CHUNK_BYTES: Final = 65_536
_PROMPT_S: Final = 0.3
"""A line that nobody ends for this long is shown as it is: it may be a question."""
_LONGEST_LINE: Final = 65_536
_RESET: Final = "\x1b[0m"
# Anything but colour and erasing to the end of the line: the program moves the cursor, so that it draws on the screen itself.
_DRAWS: Final = re.compile(r"\x1b(?:\[[0-9;?<=>]*[A-HJLMPSTXabd-hlnrsu@`]|[78cDEM])")


class _Raw:
    """Text for a console that leaves every byte of it as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        yield Segment(self._text)


class ProgramOutput:
    """A pseudo-terminal that stands in for those of standard output and standard error that are our terminal.

    Args:
        console: Where the live table is drawn; lines are printed to it, above the table.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._master, self._slave = os.openpty()
        _leave_bytes_alone(self._slave)
        self._size = b""
        self._fit()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._at_line_start = True
        self._drawing = False
        self._taken_over = False
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._keyboard = _keyboard_mode()

    @property
    def descriptors(self) -> list[tuple[int, int]]:
        """(ours, the program's) descriptors, for `Child`."""
        return [(self._slave, stream) for stream in (_STDOUT, _STDERR) if _same_terminal(stream)]

    def start(self, resized: Callable[[int], None]) -> None:
        """Begin to print. Called when the program has been started.

        Args:
            resized: Sends the program a signal; used when our terminal's size changes.
        """
        os.close(self._slave)
        self._resized = resized
        self._thread = threading.Thread(target=self._pump, name="otelkit-output", daemon=True)
        self._thread.start()

    @property
    def wants_screen(self) -> bool:
        """Whether the program draws on the screen itself, or reads single keys: then the screen is its own."""
        return self._drawing or _keyboard_mode() != self._keyboard

    def take_over(self) -> None:
        """Write everything straight through from now on: the table is gone."""
        self._taken_over = True

    def finish(self) -> None:
        """Print what is left, when the program has ended. Whoever still prints through us goes on without us."""
        self._taken_over = True
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if not self._at_line_start:
            self._write("\n")
        if _still_open(self._master):
            self._hand_over()
        os.close(self._master)

    def _pump(self) -> None:
        quiet_since = time.monotonic()
        while True:
            ready, _, _ = select.select([self._master], [], [], 0.0 if self._ended.is_set() else 0.1)
            self._fit()
            if not ready:
                if self._ended.is_set():
                    break
                self._show_question(time.monotonic() - quiet_since)
                continue
            try:
                chunk = os.read(self._master, _CHUNK_BYTES)
            except OSError:  # EIO: nobody has the other end open any more
                chunk = b""
            if not chunk:
                break
            quiet_since = time.monotonic()
            self._print(self._decoder.decode(chunk))
        # The other end may be closed long before the program ends, and before the table goes.
        self._ended.wait()
        self._print(self._decoder.decode(b"", final=True))

    def _show_question(self, quiet_s: float) -> None:
        """Print what is held if nothing else is to come soon: a question, or what waited for the table to go."""
        if self._taken_over:
            self._print("")
        elif self._held and not self._drawing and "\r" not in self._held and quiet_s > _PROMPT_S:
            self._print("\n")

    def _print(self, text: str) -> None:
        self._held += text
        if self._taken_over:
            self._write(self._held)
            self._held = ""
        elif self._drawing or _DRAWS.search(self._held):
            # Held until the table is off the screen.
            self._drawing = True
        else:
            self._print_lines()

    def _print_lines(self) -> None:
        """Print whole lines above the table; hold the last one until it is ended."""
        whole, newline, self._held = self._held.rpartition("\n")
        if len(self._held) > _LONGEST_LINE:
            whole, newline, self._held = whole + newline + self._held, "\n", ""
        if not newline:
            return
        lines = "\n".join(map(_as_it_ended, whole.split("\n"))) + "\n"
        if "\x1b" in lines:
            # The table below must not take on a colour that the program left switched on.
            lines += _RESET
        self._console.print(_Raw(lines), end="", soft_wrap=True)

    def _write(self, text: str) -> None:
        if text:
            self._at_line_start = text.endswith("\n")
            with suppress(OSError, ValueError):
                self._console.file.write(text)
                self._console.file.flush()

    def _fit(self) -> None:
        """Give the pseudo-terminal the size of the real one."""
        with suppress(OSError):
            size = fcntl.ioctl(_STDERR, termios.TIOCGWINSZ, b"\0" * 8)
            if size != self._size:
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
                if self._size:
                    # The kernel told the program when the real one changed, before this one did.
                    self._resized(signal.SIGWINCH)
                self._size = size

    def _hand_over(self) -> None:
        """Let another process copy what the program's own children still print: closing our end would break them."""
        copy = [(os.POSIX_SPAWN_DUP2, self._master, _STDIN), (os.POSIX_SPAWN_DUP2, _STDERR, _STDOUT)]
        with suppress(OSError):
            os.posix_spawnp("cat", ["cat"], os.environ, file_actions=copy)


def _as_it_ended(line: str) -> str:
    """Return a line as it looked when it ended: a progress bar overwrites itself many times before that."""
    return line.rstrip("\r").rpartition("\r")[2]


def _same_terminal(stream: int) -> bool:
    try:
        return os.isatty(stream) and os.fstat(stream).st_rdev == os.fstat(_STDERR).st_rdev
    except OSError:
        return False


def _leave_bytes_alone(terminal: int) -> None:
    """Switch off what a terminal does to output and input; the real one does it."""
    tty.setraw(terminal)


def _keyboard_mode() -> int:
    """Return how our terminal reads its keyboard: by lines and with echo, unless a program wants single keys."""
    try:
        mode: int = termios.tcgetattr(_STDIN)[3]
    except (termios.error, OSError, ValueError):
        return 0
    return mode & (termios.ICANON | termios.ECHO)


def _still_open(master: int) -> bool:
    """Return whether some process still has the program's end open."""
    poll = select.poll()
    poll.register(master, select.POLLIN)
    return not any(event & select.POLLHUP for _, event in poll.poll(0))
