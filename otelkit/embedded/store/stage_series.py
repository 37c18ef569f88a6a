"""What metrics say of stages, series by series: every call counts there, whatever is sampled."""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Iterable
from typing import Any, Final

from otelkit import names
from otelkit.embedded.store import intervals
from otelkit.embedded.store.intervals import EXPONENTIAL, HISTOGRAM, Durations
from otelkit.embedded.store.rollups import OTHER_STAGES
from otelkit.embedded.wire import Metric
from otelkit.embedded.wire_metrics import SUM
from otelkit.embedded.wire_primitives import fields
from otelkit.embedded.wire_values import parse_key_value

_DELTA: Final = 1
_REMEMBERED: Final = 20_000
_MOMENTS: Final = 8
_APART_NS: Final = 900_000_000
"""Totals are remembered this far apart, so that a rate over some seconds can be read from them."""

_LABELS: Final = {
    names.METRIC_STAGE_DURATION: names.ERROR_TYPE,
    names.METRIC_STAGE_ITEMS: names.ITEM_OUTCOME,
}
"""The metrics that are kept, and what tells their series of one stage apart."""

_MOMENT: Final = struct.Struct("<qd")
_U64: Final = struct.Struct("<Q")
_COLUMNS: Final = (
    "series, run, stage, pipeline, metric, label, first_ns, last_ns, total, sum_s, low_s, high_s, histogram, recent"
)


class StageSeries:
    """One series of one stage."""

    __slots__ = ("durations", "first_ns", "label", "last_ns", "metric", "pipeline", "recent", "run", "stage", "total")

    def __init__(self, run: int, stage: str, pipeline: str | None, metric: str, label: str | None) -> None:
        self.run = run
        self.stage = stage
        self.pipeline = pipeline
        self.metric = metric
        self.label = label
        """The error's type of failed calls, the outcome of items; None: calls that did not fail."""
        self.first_ns = 0
        self.last_ns = 0
        self.total = 0.0
        """Calls or items so far."""
        self.durations: Durations | None = None
        self.recent: list[tuple[int, float]] = []
        """Totals with their times, oldest first."""

    def take(self, kind: int, temporality: int, time_ns: int, value: float, rest: bytes) -> None:
        """Take in a data point."""
        found = intervals.read_durations(kind, rest) if kind in (HISTOGRAM, EXPONENTIAL) else None
        if temporality == _DELTA:
            self.total += value
            if found is not None and self.durations is not None:
                found.add(self.durations)
        elif time_ns < self.last_ns:
            return
        else:
            self.total = value
        self.durations = found
        self.last_ns = max(time_ns, self.last_ns)
        if len(self.recent) > 1 and self.last_ns - self.recent[-2][0] < _APART_NS:
            self.recent.pop()
        self.recent.append((self.last_ns, self.total))
        del self.recent[:-_MOMENTS]

    def as_row(self, series: int) -> tuple[object, ...]:
        """Return the columns of its table."""
        durations = self.durations or Durations()
        return (
            series, self.run, self.stage, self.pipeline, self.metric, self.label, self.first_ns, self.last_ns, self.total,
            durations.sum_s, durations.low_s, durations.high_s, intervals.pack(durations.counts),
            b"".join([_MOMENT.pack(*moment) for moment in self.recent]),
        )  # fmt: skip


class StageSeriesRows:
    """The writer's side: picks the stages' points out of all points. Needs an open transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[int, StageSeries] = {}
        self._changed: set[int] = set()

    def take(
        self, series: int, run: int, metric: Metric, attributes: bytes, time_ns: int, value: float, rest: bytes
    ) -> int:
        """Take in a data point, if its metric counts stages; return since when it counts, in Unix nanoseconds (0: untold)."""
        if metric.data not in (SUM, HISTOGRAM, EXPONENTIAL) or metric.name not in _LABELS or not math.isfinite(value):
            return 0
        known = self._known.get(series) or self._load(series) or _new(run, metric.name, attributes)
        self._known[series] = known
        since_ns = _since(rest)
        known.first_ns = min(known.first_ns or time_ns, time_ns)
        known.take(metric.data, metric.temporality, time_ns, value, rest)
        self._changed.add(series)
        return since_ns

    def write(self) -> None:
        """Write what changed."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO stage_series VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [self._known[series].as_row(series) for series in self._changed],
        )
        self._changed.clear()
        if len(self._known) > _REMEMBERED:
            self._known.clear()

    def _load(self, series: int) -> StageSeries | None:
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM stage_series WHERE series = ?", (series,))
        return next((_from_row(row) for row in rows), None)


def read_series(connection: sqlite3.Connection, run: int) -> Iterable[StageSeries]:
    """Yield the series of the stages of a run, in the order in which they were first heard of."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM stage_series WHERE run = ? ORDER BY first_ns, series", (run,)
    ).fetchall()
    return map(_from_row, rows)


def _new(run: int, metric: str, attributes: bytes) -> StageSeries:
    said: dict[str, object] = {}
    for tag, start, stop in fields(attributes, 0, len(attributes)):
        if tag == 0x0A:
            key, value = parse_key_value(attributes, start, stop)
            said[key] = value
    stage, pipeline, label = said.get(names.STAGE_NAME), said.get(names.PIPELINE_NAME), said.get(_LABELS[metric])
    return StageSeries(
        run,
        # Without a name: beyond the limit of series in its process.
        OTHER_STAGES if stage is None else str(stage),
        None if pipeline is None else str(pipeline),
        metric,
        None if label is None else str(label),
    )


def _from_row(row: tuple[Any, ...]) -> StageSeries:  # Any: SQLite's types are those of the table
    _, run, stage, pipeline, metric, label, first_ns, last_ns, total, sum_s, low_s, high_s, histogram, recent = row
    series = StageSeries(run, stage, pipeline, metric, label)
    series.first_ns, series.last_ns, series.total = first_ns, last_ns, total
    if metric == names.METRIC_STAGE_DURATION:
        series.durations = Durations(sum_s, low_s, high_s, intervals.unpack(histogram))
    series.recent = [(time_ns, count) for time_ns, count in _MOMENT.iter_unpack(recent)]
    return series


def _since(rest: bytes) -> int:
    for tag, start, _ in fields(rest, 0, len(rest)):
        if tag == 0x11:
            return int(_U64.unpack_from(rest, start)[0])
    return 0
