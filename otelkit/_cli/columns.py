"""Cells laid out in columns: steady widths, the least important columns left out when the line is short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich.cells import cell_len
from rich.text import Text

from otelkit._cli.fitting import fit, left, right
from otelkit._cli.look import QUIET, Signs, line

GAP: Final = 2
"""Cells between two columns."""

Cell = tuple[str, str]
"""Text and style."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column and what stands in it."""

    title: str
    cells: Sequence[Cell]
    steady: int = 0
    """Cells it has even if nothing is that long, so that nothing moves while numbers change."""
    keep: int = 100
    """Columns with a lower number are left out first."""
    to_left: bool = False
    least: int | None = None
    """If set, texts may be cut, down to this many cells; else the column is as wide as its longest text."""
    most: int = 1000
    """Cells beyond which texts are cut."""
    cut: Literal["start", "end"] = "start"
    """Which part of a cut text stays."""

    @property
    def wanted(self) -> int:
        """Cells that show everything."""
        longest = max((cell_len(text) for text, _ in self.cells), default=0)
        return min(self.most, max(self.steady, cell_len(self.title), longest))

    @property
    def needed(self) -> int:
        """Cells it can't do without."""
        return self.wanted if self.least is None else min(self.least, self.wanted)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns laid out."""

    header: Text
    rows: tuple[Text, ...]
    width: int
    """Cells of the widest line there can be."""
    titles: tuple[str, ...]
    """Of the columns that found room."""


def lay_out(columns: Sequence[Column], width: int, signs: Signs) -> Table:
    """Return the columns in at most ``width`` cells, as far as leaving out and cutting can do it.

    The first column always stays. Room that is left goes to the columns that may be cut, the first of them first.
    """
    kept = list(columns)
    while len(kept) > 1 and sum(column.needed + GAP for column in kept) - GAP > width:
        kept.remove(min(kept[1:], key=lambda column: column.keep))
    widths = [column.needed for column in kept]
    spare = width - sum(widths) - GAP * (len(kept) - 1)
    for number, column in enumerate(kept):
        more = max(0, min(spare, column.wanted - widths[number]))
        widths[number] += more
        spare -= more
    if spare < 0:
        widths[0] = max(1, widths[0] + spare)
    header = line()
    rows = [line() for _ in kept[0].cells]
    for number, (column, cells) in enumerate(zip(kept, widths, strict=True)):
        pad = left if column.to_left or number == 0 else right
        gap = " " * GAP if number else ""
        header.append(gap + pad(fit(column.title, cells, signs=signs), cells), QUIET)
        for row, (text, style) in zip(rows, column.cells, strict=True):
            row.append(gap)
            row.append(pad(fit(text, cells, keep=column.cut, signs=signs), cells), style)
    for made in (header, *rows):
        made.rstrip()
    return Table(header, tuple(rows), sum(widths) + GAP * (len(kept) - 1), tuple(column.title for column in kept))
