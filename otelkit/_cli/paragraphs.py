"""Plain text fitted to the terminal."""

from __future__ import annotations

import shutil
import textwrap


def paragraph(text: str, *, indent: int = 0, first: str = "") -> str:
    """Return ``text`` as indented lines that fit the terminal, at most 100 columns.

    Args:
        text: May have several lines; each stays a line of its own.
        indent: Columns before each line.
        first: Put before the text; what follows is aligned behind it.
    """
    width = max(40, min(100, shutil.get_terminal_size().columns))
    margin = " " * indent
    lines: list[str] = []
    for line in text.splitlines() or [""]:
        lines += textwrap.wrap(
            line,
            width,
            initial_indent=margin + (first if not lines else " " * len(first)),
            subsequent_indent=margin + " " * len(first),
            # Paths and names stay in one piece, so that they can be copied.
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)
