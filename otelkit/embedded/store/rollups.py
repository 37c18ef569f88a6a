"""Stage calls counted as they arrive, per run, stage and minute, and per run and stage."""

from __future__ import annotations

import sqlite3
import struct
from typing import Final

from otelkit.embedded.store import sketch

WHOLE_RUN: Final = 0
"""The "minute" that holds a run's totals."""

OTHER_STAGES: Final = "(other)"
"""Takes the calls of all stages beyond `MOST_STAGES`, which are names made from data."""

NEVER: Final = 2**63 - 1
"""Later than any start."""

MOST_STAGES: Final = 1_000
_RECENT_SECONDS: Final = 16
_REMEMBERED: Final = 20_000
_SECOND: Final = struct.Struct("<qdd")

Place = tuple[int, str, int]
"""Run, stage, minute (of a roll-up) or second (of what is still to be added)."""


class Cell:
    """Calls of one stage in some time. Counts are weighted by sampling probability."""

    __slots__ = (
        "busy_ns",
        "calls",
        "failed",
        "first_ns",
        "histogram",
        "items_failed",
        "items_ok",
        "items_skipped",
        "pipeline",
        "seen",
    )

    def __init__(self) -> None:
        self.pipeline: str | None = None
        self.calls = 0.0
        self.seen = 0
        """Calls whose spans arrived: not weighted."""
        self.failed = 0.0
        self.items_ok = 0.0
        self.items_failed = 0.0
        self.items_skipped = 0.0
        self.busy_ns = 0.0
        self.first_ns = NEVER
        """Start of the earliest call, Unix nanoseconds: stages are shown in the order in which they began."""
        self.histogram: dict[int, float] = {}

    @property
    def items(self) -> float:
        """ok + failed + skipped."""
        return self.items_ok + self.items_failed + self.items_skipped

    def add(self, other: Cell) -> None:
        """Add the calls of another cell."""
        self.pipeline = other.pipeline or self.pipeline
        self.calls += other.calls
        self.seen += other.seen
        self.failed += other.failed
        self.items_ok += other.items_ok
        self.items_failed += other.items_failed
        self.items_skipped += other.items_skipped
        self.busy_ns += other.busy_ns
        self.first_ns = min(self.first_ns, other.first_ns)
        histogram = self.histogram
        for bucket, count in other.histogram.items():
            histogram[bucket] = histogram.get(bucket, 0.0) + count


class Rollups:
    """The writer's roll-ups. What is collected in ``pending`` is added by `write`."""

    def __init__(self) -> None:
        self.pending: dict[Place, Cell] = {}
        """Keyed by the second in which the calls ended."""
        self._cells: dict[Place, Cell] = {}
        self._recent: dict[tuple[int, str], dict[int, tuple[float, float]]] = {}
        self._stages: dict[int, set[str]] = {}

    def write(self, connection: sqlite3.Connection) -> None:
        """Add what is pending to the tables."""
        changed: dict[Place, Cell] = {}
        for (run, stage, second), cell in self.pending.items():
            stage = self._admitted(connection, run, stage)
            for minute in (second // 60, WHOLE_RUN):
                place = (run, stage, minute)
                changed[place] = total = self._cell(connection, place)
                total.add(cell)
            calls, items = self._recent[run, stage].get(second, (0.0, 0.0))
            self._recent[run, stage][second] = calls + cell.calls, items + cell.items
        connection.executemany(
            "INSERT OR REPLACE INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [self._row(place, cell) for place, cell in changed.items()],
        )
        self.pending = {}
        if len(self._cells) > _REMEMBERED:
            self._cells, self._recent, self._stages = {}, {}, {}

    def _admitted(self, connection: sqlite3.Connection, run: int, stage: str) -> str:
        stages = self._stages.get(run)
        if stages is None:
            rows = connection.execute("SELECT stage FROM rollup WHERE run = ? AND minute = ?", (run, WHOLE_RUN))
            stages = self._stages[run] = {name for (name,) in rows}
        if stage not in stages:
            if len(stages) >= MOST_STAGES:
                return OTHER_STAGES
            stages.add(stage)
        return stage

    def _cell(self, connection: sqlite3.Connection, place: Place) -> Cell:
        cell = self._cells.get(place)
        if cell is None:
            row = connection.execute("SELECT * FROM rollup WHERE (run, stage, minute) = (?, ?, ?)", place).fetchone()
            cell = self._cells[place] = Cell() if row is None else read_cell(row)
            if place[2] == WHOLE_RUN:
                self._recent[place[:2]] = {} if row is None else read_recent(row[12])
        return cell

    def _row(self, place: Place, cell: Cell) -> tuple[object, ...]:
        recent = None
        if place[2] == WHOLE_RUN:
            seconds = self._recent[place[:2]]
            if len(seconds) > _RECENT_SECONDS:
                for second in sorted(seconds)[:-_RECENT_SECONDS]:
                    del seconds[second]
            recent = b"".join([_SECOND.pack(second, *counts) for second, counts in seconds.items()])
        return (
            *place,
            cell.pipeline,
            cell.calls,
            cell.failed,
            cell.items_ok,
            cell.items_failed,
            cell.items_skipped,
            cell.busy_ns,
            cell.first_ns,
            sketch.pack(cell.histogram),
            recent,
            cell.seen,
        )


def read_cell(row: tuple[object, ...]) -> Cell:
    """Return a row of the table ``rollup`` as a cell."""
    cell = Cell()
    (
        *_, cell.pipeline, cell.calls, cell.failed, cell.items_ok, cell.items_failed, cell.items_skipped, cell.busy_ns,
        cell.first_ns, histogram, _, cell.seen,
    ) = row  # type: ignore[assignment]  # fmt: skip  # SQLite's types are those of the table
    assert isinstance(histogram, bytes)
    cell.histogram = sketch.unpack(histogram)
    return cell


def read_recent(raw: bytes | None) -> dict[int, tuple[float, float]]:
    """Return second -> (calls, items) of a run's last seconds."""
    return {second: (calls, items) for second, calls, items in _SECOND.iter_unpack(raw or b"")}
