"""What our terminal output looks like: few colours, each with one meaning, and signs with a plain form beside them.

Red is a failure, yellow asks for a look, green is well, cyan is something to type or a running bar; dim is for what
explains the rest. Whatever a colour says is said by a sign or a word too, so that nothing is lost without colour.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Final

from rich.console import Console
from rich.text import Text

BAD: Final = "red"
LOOK: Final = "yellow"
GOOD: Final = "green"
COMMAND: Final = "cyan"
BAR: Final = "cyan"
QUIET: Final = "dim"
STRONG: Final = "bold"

PIPE_WIDTH: Final = 120
"""Cells of a line when nobody tells how wide the reader's screen is."""
NARROWEST: Final = 40
"""Below this many cells lines are cut rather than laid out anew."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs we draw with, in one encoding."""

    full: str
    """A whole cell of a bar."""
    left_half: str
    right_half: str
    rest: str
    """A cell of a progress bar not reached yet."""
    point: str
    """A moment on a time axis."""
    hidden: str
    """A cell of time in which spans were left out."""
    tick: str
    cut: str
    """Text is missing here."""
    running: str
    ok: str
    failed: str
    interrupted: str
    over: str
    dot: str
    """Between two facts on a line."""
    into: str
    """From one value to another."""


UNICODE: Final = Signs("━", "╸", "╺", "─", "◆", "┄", "╷", "…", "●", "✓", "✗", "■", "○", "·", "→")
ASCII: Final = Signs("=", "-", "-", ".", "*", ".", "|", "~", ">", "+", "x", "!", "o", "-", ">")

_TO_ASCII: Final = str.maketrans({"µ": "u", "–": "-", "×": "x", "±": "~"})


def signs_of(encoding: str) -> Signs:
    """Return the signs that a stream of this encoding can show."""
    return UNICODE if encoding.lower().startswith("utf") else ASCII


def sayable(text: str, signs: Signs) -> str:
    """Return our own text without the letters that a plain terminal lacks (``µs`` becomes ``us``)."""
    return text if signs is UNICODE else text.translate(_TO_ASCII)


def make_console(stream: IO[str] | None = None) -> Console:
    """Return a console for ``stream`` (default: standard output) that never fails over a character.

    Follows ``NO_COLOR``, ``FORCE_COLOR`` and ``COLUMNS``; a pipe has no colour and `PIPE_WIDTH` cells.
    """
    stream = sys.stdout if stream is None else stream
    if isinstance(stream, io.TextIOWrapper):
        # A file name from another machine must not end a report with a UnicodeEncodeError.
        stream.reconfigure(errors="replace")
    console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        console.width = PIPE_WIDTH
    return console


def can_redraw(console: Console) -> bool:
    """Return whether the console is a terminal whose lines can be written over."""
    return console.is_terminal and not console.is_dumb_terminal


def line(*parts: str | tuple[str, str] | Text) -> Text:
    """Return one line of text that is cropped, never wrapped. A part is text, or text and its style."""
    text = Text(no_wrap=True, overflow="crop")
    for part in parts:
        if isinstance(part, tuple):
            text.append(*part)
        else:
            text.append(part)
    return text


def cropped(lines: Iterable[Text], width: int) -> Iterator[Text]:
    """Yield the lines, none longer than ``width`` cells: on terminals narrower than lines are made for, ends go missing."""
    for text in lines:
        if text.cell_len > width:
            text.truncate(width, overflow="crop")
        yield text


def print_lines(console: Console, lines: Iterable[Text]) -> None:
    """Print lines that are laid out for the console's width already, without spaces at their ends."""
    for text in cropped(lines, console.width):
        text.rstrip()
        console.print(text, soft_wrap=True)
