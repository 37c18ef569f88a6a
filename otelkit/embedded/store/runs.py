"""Runs as the writer knows them: who they are, how much they have, what stands out."""

from __future__ import annotations

import math
import sqlite3
from typing import Final

from otelkit.embedded.store.notable import Notable

_REMEMBERED: Final = 2_000
_LATEST_S: Final = 9e9
"""The year 2255: what is later is no time, and SQLite could not hold it in nanoseconds."""


class RunState:
    """One run. The writer changes it in place and marks it as ``changed``."""

    __slots__ = (
        "changed",
        "first_log",
        "first_ns",
        "first_point",
        "first_trace",
        "id",
        "last_failed",
        "last_failed_rank",
        "last_log",
        "last_ns",
        "last_point",
        "last_trace",
        "logs",
        "no",
        "points",
        "service",
        "slowest",
        "slowest_ns",
        "slowest_plain_ns",
        "spans",
        "told_end_ns",
        "told_name",
        "total",
    )

    def __init__(self, no: int, run_id: str) -> None:
        self.no = no
        self.id = run_id
        self.told_name: str | None = None
        self.service: str | None = None
        self.first_ns = 1 << 63
        self.last_ns = -1
        self.told_end_ns: int | None = None
        """When it ended, as the process that began it says."""
        self.spans = 0
        self.logs = 0
        self.points = 0
        self.total: int | None = None
        self.first_trace = self.first_log = self.first_point = 1 << 62
        self.last_trace = self.last_log = self.last_point = -1
        self.slowest: Notable | None = None
        self.slowest_ns = -1
        """Duration of the slowest call that names an item."""
        self.slowest_plain_ns: float = -1
        """Duration of the slowest call that names none; infinite when one that names an item is known."""
        self.last_failed: Notable | None = None
        self.last_failed_rank = (False, -1)
        """(names an item, end in ns) of the last failed call."""
        self.changed = False

    def saw(self, start_ns: int, end_ns: int) -> None:
        """Extend the run to the given times; 0 means that the sender gave none."""
        if 0 < start_ns < self.first_ns:
            self.first_ns = start_ns
        if end_ns > self.last_ns:
            self.last_ns = end_ns

    def ends(self, unix_s: float) -> None:
        """Note that the process that began the run ended at ``unix_s``; of several the last counts."""
        if 0 < unix_s < _LATEST_S:
            self.told_end_ns = max(self.told_end_ns or 0, round(unix_s * 1e9))

    def slower(self, call: Notable) -> None:
        """Make ``call`` the slowest."""
        self.slowest = call
        if call.item is None:
            self.slowest_plain_ns = call.duration_ns
        else:
            self.slowest_ns, self.slowest_plain_ns = call.duration_ns, math.inf

    def as_row(self, arrived_ns: int) -> tuple[object, ...]:
        """Return the columns that `Runs.write` sets."""
        return (
            self.told_name,
            self.service,
            self.first_ns if self.first_ns < 1 << 63 else None,
            self.last_ns if self.last_ns >= 0 else None,
            arrived_ns,
            self.spans,
            self.logs,
            self.points,
            self.total,
            self.first_trace,
            self.last_trace,
            self.first_log,
            self.last_log,
            self.first_point,
            self.last_point,
            self.slowest.to_json() if self.slowest else None,
            self.last_failed.to_json() if self.last_failed else None,
            self.told_end_ns,
            self.no,
        )


_COLUMNS: Final = (
    "told_name, service, first_ns, last_ns, spans, logs, points, total, first_trace, last_trace, first_log, last_log, "
    "first_point, last_point, slowest, last_failed, told_end_ns"
)
_UPDATE: Final = (
    "UPDATE run SET told_name = ?, service = ?, first_ns = ?, last_ns = ?, arrived_ns = ?, spans = ?, logs = ?, "
    "points = ?, total = ?, first_trace = ?, last_trace = ?, first_log = ?, last_log = ?, first_point = ?, "
    "last_point = ?, slowest = ?, last_failed = ?, told_end_ns = ? WHERE no = ?"
)


class Runs:
    """The writer's runs, by id. Remembers the latest; the others are in the table."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[str, RunState] = {}

    def get(self, run_id: str, now_ns: int) -> RunState:
        """Return the run of this id; a new one if there is none yet. Needs an open transaction."""
        run = self._known.get(run_id)
        if run is None:
            run = self._known[run_id] = self._load(run_id) or self._make(run_id, now_ns)
        return run

    def _load(self, run_id: str) -> RunState | None:
        row = self._connection.execute(f"SELECT no, {_COLUMNS} FROM run WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            return None
        run = RunState(row[0], run_id)
        run.told_name, run.service = row[1:3]
        run.first_ns = (1 << 63) if row[3] is None else row[3]
        run.last_ns = -1 if row[4] is None else row[4]
        run.spans, run.logs, run.points, run.total = row[5:9]
        run.first_trace, run.last_trace, run.first_log, run.last_log, run.first_point, run.last_point = (
            bound if bound is not None else (1 << 62 if index % 2 == 0 else -1) for index, bound in enumerate(row[9:15])
        )
        run.told_end_ns = row[17]
        run.slowest, run.last_failed = Notable.from_json(row[15]), Notable.from_json(row[16])
        if run.slowest:
            run.slower(run.slowest)
        if run.last_failed:
            run.last_failed_rank = (run.last_failed.item is not None, run.last_failed.end_ns)
        return run

    def _make(self, run_id: str, now_ns: int) -> RunState:
        cursor = self._connection.execute("INSERT INTO run (id, arrived_ns) VALUES (?, ?)", (run_id, now_ns))
        assert cursor.lastrowid is not None
        return RunState(cursor.lastrowid, run_id)

    def write(self, now_ns: int) -> None:
        """Write what changed."""
        changed = [run for run in self._known.values() if run.changed]
        self._connection.executemany(_UPDATE, [run.as_row(now_ns) for run in changed])
        for run in changed:
            run.changed = False
        if len(self._known) > _REMEMBERED:
            self._known.clear()

    def forget(self) -> None:
        """Drop what is remembered: the table says how it is."""
        self._known.clear()
