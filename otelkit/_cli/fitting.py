"""Text of the user's made safe for a terminal and cut to a number of cells."""

from __future__ import annotations

from typing import Literal

from rich.cells import cell_len, chop_cells

from otelkit._cli.look import UNICODE, Signs


def printable(text: str) -> str:
    """Return the text on one line without anything that could steer a terminal.

    Runs of white space become one space; escape codes, other control characters, direction marks and lone surrogates become
    ``�``, so that a hostile file name shows up instead of acting.
    """
    joined = " ".join(text.split())
    return joined if joined.isprintable() else "".join(letter if letter.isprintable() else "�" for letter in joined)


def fit(text: str, width: int, *, keep: Literal["start", "end"] = "start", signs: Signs = UNICODE) -> str:
    """Return the text in at most ``width`` cells, with a sign where something was cut.

    Args:
        text: Printable text; wide letters count two cells.
        width: Cells; 0 or less gives "".
        keep: Which end matters: the start of a message, the end of a path or dotted name.
        signs: The encoding's signs.
    """
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return signs.cut[: max(0, width)]
    if keep == "end":
        return signs.cut + _first(text[::-1], width - 1)[::-1]
    return _first(text, width - 1) + signs.cut


def left(text: str, width: int) -> str:
    """Return the text with spaces after it up to ``width`` cells."""
    return text + " " * (width - cell_len(text))


def right(text: str, width: int) -> str:
    """Return the text with spaces before it up to ``width`` cells."""
    return " " * (width - cell_len(text)) + text


def wrapped(text: str, width: int, most_lines: int, signs: Signs = UNICODE) -> list[str]:
    """Return printable text in lines of at most ``width`` cells, broken at spaces or after slashes where that is possible.

    The last of ``most_lines`` lines ends with a sign if more is missing.
    """
    lines: list[str] = []
    rest = text.strip()
    while rest and len(lines) < most_lines - 1 and cell_len(rest) > width:
        piece = _first(rest, width)
        end = len(piece) if rest[len(piece) : len(piece) + 1] == " " else _break(piece)
        lines.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    if rest:
        lines.append(fit(rest, width, signs=signs))
    return lines


def _break(piece: str) -> int:
    """Return where a line ends best: not so early that most of it stays empty."""
    least = len(piece) // 2
    space, slash = piece.rfind(" "), piece.rfind("/") + 1
    if space > least:
        return space
    return slash if slash > least else len(piece)


def _first(text: str, width: int) -> str:
    # A wide letter that does not fit leaves its cell empty rather than half drawn.
    return chop_cells(text, width)[0] if text and width > 0 else ""
