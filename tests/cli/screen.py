"""A small model of a terminal's screen: enough to see what a reader would see."""

from __future__ import annotations

import io
import re

from rich.console import Console

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|(.)", re.DOTALL)


class Screen(io.StringIO):
    """What stands on the screen after everything written so far; a file for a console.

    Knows carriage return, line feed, cursor up, erasing to the end of the line and of the screen, hiding the cursor, colours
    (which it skips) and nothing else: anything else fails the test.
    """

    def __init__(self, width: int = 80, height: int = 24) -> None:
        super().__init__()
        self.width, self.height = width, height
        self.lines: list[str] = [""]
        self.row = self.column = 0
        self.cursor_shown = True
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        for match in _TOKEN.finditer(text):
            numbers, code, letter = match.groups()
            if letter is not None:
                self._put(letter)
            else:
                self._control(numbers, code)
        return len(text)

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        """All lines, without spaces at their ends."""
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")

    def console(self) -> Console:
        """Return a console on this screen."""
        return Console(
            file=self,
            force_terminal=True,
            width=self.width,
            height=self.height,
            color_system="standard",
            highlight=False,
            markup=False,
            _environ={"TERM": "xterm"},
        )

    def _put(self, letter: str) -> None:
        if letter == "\n":
            self.row, self.column = self.row + 1, 0
            while len(self.lines) <= self.row:
                self.lines.append("")
        elif letter == "\r":
            self.column = 0
        else:
            assert letter.isprintable(), f"{letter!r} reached the terminal"
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
            self.column += 1

    def _control(self, numbers: str, code: str) -> None:
        match numbers, code:
            case (_, "m"):
                pass
            case (_, "A"):
                self.row -= int(numbers or 1)
                assert self.row >= 0, "the cursor left the screen"
            case ("" | "0", "K"):
                self.lines[self.row] = self.lines[self.row][: self.column]
            case ("" | "0", "J"):
                self.lines[self.row] = self.lines[self.row][: self.column]
                del self.lines[self.row + 1 :]
            case ("?25", "l" | "h"):
                self.cursor_shown = code == "h"
            case _:
                raise AssertionError(f"unexpected control code {numbers}{code}")
