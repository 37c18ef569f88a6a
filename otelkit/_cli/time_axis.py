"""A stretch of time laid over a row of terminal cells: where moments and bars go, and round marks to read them by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otelkit._cli import figures
from otelkit._cli.look import Signs, sayable

_MINUTE_NS: Final = 60_000_000_000
_DAY_NS: Final = 86_400_000_000_000
_MARK_CELLS: Final = 9
"""Fewest cells from one mark to the next, so that their labels stay apart."""


@dataclass(frozen=True, slots=True)
class Axis:
    """``cells`` terminal cells for the time from ``start_ns`` to ``end_ns``."""

    start_ns: int
    end_ns: int
    """Never before the start; a stretch without length is drawn as one nanosecond."""
    cells: int

    @property
    def length_ns(self) -> int:
        """How long the stretch is, at least 1."""
        return max(1, self.end_ns - self.start_ns)

    def cell(self, time_ns: int) -> int:
        """Return the cell of a moment, 0 to ``cells - 1``."""
        return min(self.cells - 1, max(0, (time_ns - self.start_ns) * self.cells // self.length_ns))

    def bar(self, start_ns: int, end_ns: int, signs: Signs) -> tuple[int, str]:
        """Return the first cell of a bar and its signs. It is drawn to half a cell, and never vanishes."""
        halves = 2 * self.cells
        first = min(halves - 1, max(0, (start_ns - self.start_ns) * halves // self.length_ns))
        last = min(halves, max(first + 1, -(-(end_ns - self.start_ns) * halves // self.length_ns)))
        cell = first // 2
        text = signs.right_half if first % 2 else ""
        text += signs.full * ((last - first - first % 2) // 2)
        if (last - first % 2 - first) % 2:
            text += signs.left_half
        return cell, text

    def marks(self, signs: Signs) -> str:
        """Return a line of marks at round times since the start, each with its label: ``╷0     ╷100 ms``."""
        step = self._step()
        line = ""
        for number in range(self.length_ns // step + 1):
            cell = self.cell(self.start_ns + number * step)
            label = signs.tick + (sayable(_mark(number * step), signs))
            if cell + len(label) <= self.cells:
                line = line.ljust(cell) + label
        return line

    def _step(self) -> int:
        """Return nanoseconds between marks: 1, 2 or 5 times a power of ten, of days too; whole minutes and hours between."""
        least = self.length_ns / max(1, self.cells // _MARK_CELLS)
        if least <= 50e9:
            return _round_up(least, 1)
        for minutes in (1, 2, 5, 10, 20, 30, 60, 120, 360, 720):
            if minutes * _MINUTE_NS >= least:
                return minutes * _MINUTE_NS
        return _round_up(least, _DAY_NS)


def _round_up(least: float, unit: int) -> int:
    power = unit
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least:
                return factor * power
        power *= 10


def _mark(offset_ns: int) -> str:
    """Marks are round, so that their zeros go: ``1.5 s``, ``200 ms``."""
    if offset_ns == 0:
        return "0"
    if offset_ns % _DAY_NS == 0:
        return f"{offset_ns // _DAY_NS}d"
    if offset_ns >= _MINUTE_NS:
        return figures.clock(offset_ns / 1e9)
    for scale, unit in ((1_000_000_000, "s"), (1_000_000, "ms"), (1000, "µs"), (1, "ns")):
        if offset_ns >= scale:
            return f"{offset_ns / scale:g} {unit}"
    return "0"
