"""Decoded metric points → rows, and the last value of each series."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from otelkit import names
from otelkit.embedded.store.kinds import Kinds
from otelkit.embedded.store.stage_series import StageSeriesRows
from otelkit.embedded.wire import Group
from otelkit.embedded.wire_metrics import SUM

INSERT: Final = "INSERT INTO point VALUES (?, ?, ?, ?, ?)"

_DELTA: Final = 1
_REMEMBERED: Final = 20_000


class PointRows:
    """Collects the rows of a transaction."""

    def __init__(self, connection: sqlite3.Connection, kinds: Kinds, first: int) -> None:
        self._connection = connection
        self._kinds = kinds
        self.next = first
        """The number that the next point gets."""
        self._last: dict[int, tuple[int, float | None]] = {}
        self._changed: set[int] = set()
        self._stages = StageSeriesRows(connection)

    def rows(self, group: Group, now_ns: int) -> list[tuple[Any, ...]]:
        """Return the rows of a group's points for `INSERT`. Needs an open transaction."""
        resource, run = self._kinds.resource(group.resource, now_ns)
        scope = self._kinds.scope(group.scope)
        out = []
        for metric, attributes, time_ns, value, rest in group.rows:
            series = self._kinds.series(self._kinds.metric(metric), resource, scope, run.no, attributes)
            last_ns, last_value = self._last.get(series) or self._load(series)
            if metric.data == SUM and metric.temporality == _DELTA:
                self._last[series] = (max(time_ns, last_ns), (last_value or 0.0) + (value or 0))
                self._changed.add(series)
            elif time_ns >= last_ns:
                self._last[series] = (time_ns, None if value is None else float(value))
                self._changed.add(series)
            number, self.next = self.next, self.next + 1
            out.append((number, series, time_ns, _storable(value) if metric.data in (5, 7) else None, rest or None))
            run.changed = True
            run.points += 1
            since_ns = self._stages.take(series, run.no, metric, attributes, time_ns, value or 0, rest)
            run.saw(since_ns if 0 < since_ns < time_ns else time_ns, time_ns)
            if metric.name == names.METRIC_RUN_ENDED:
                run.ends(value or 0)
            run.first_point = min(run.first_point, number)
            run.last_point = number
        return out

    def write(self) -> None:
        """Write the last values."""
        self._stages.write()
        self._connection.executemany(
            "UPDATE series SET last_ns = ?, last_value = ? WHERE id = ?",
            [(*self._last[series], series) for series in self._changed],
        )
        self._changed.clear()
        if len(self._last) > _REMEMBERED:
            self._last.clear()

    def _load(self, series: int) -> tuple[int, float | None]:
        last_ns, value = self._connection.execute(
            "SELECT last_ns, last_value FROM series WHERE id = ?", (series,)
        ).fetchone()
        return last_ns, value


def _storable(value: int | float | None) -> int | float | str | None:
    # SQLite keeps no NaN: it would come back as "no value".
    return "NaN" if value is not None and value != value else value
