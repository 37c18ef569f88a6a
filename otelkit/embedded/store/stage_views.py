"""The stages of a run, read back from their spans or from their metrics: whichever knows of more calls.

Spans may be sampled, switched off, lost or deleted, and then their count is too low, or weighted and inexact. Metrics count
every call, a little late while the run goes on.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from otelkit import names
from otelkit.embedded.store import sketch
from otelkit.embedded.store.intervals import Durations
from otelkit.embedded.store.rollups import NEVER, OTHER_STAGES, WHOLE_RUN, Cell, read_cell, read_recent
from otelkit.embedded.store.stage_series import StageSeries, read_series
from otelkit.model.views import RunRow, StageRow

_WINDOW_S: Final = 5
_SECOND_NS: Final = 1_000_000_000
_SPANS_LATE_S: Final = 3
"""A stage whose last span is older than this has stopped: data takes no longer to arrive."""
_INTERVALS_LATE: Final = 2.5
"""A process whose last metrics are older than so many of its intervals has stopped."""


class Lately(NamedTuple):
    """What rates of a run that goes on are computed from: its first and last data, and now, in Unix nanoseconds."""

    first_ns: int
    last_ns: int
    now_ns: int


class _Told:
    """What metrics tell of one stage, summed over processes."""

    def __init__(self) -> None:
        self.pipeline: str | None = None
        self.first_ns = NEVER
        self.calls = 0.0
        self.errors: Counter[str] = Counter()
        self.items: Counter[str] = Counter()
        self.durations = Durations()
        self.series: list[StageSeries] = []

    def add(self, series: StageSeries) -> None:
        self.pipeline = series.pipeline or self.pipeline
        self.first_ns = min(self.first_ns, series.first_ns)
        self.series.append(series)
        if series.metric == names.METRIC_STAGE_ITEMS:
            self.items[series.label or ""] += round(series.total)
            return
        self.calls += series.total
        if series.label is not None:
            self.errors[series.label] += round(series.total)
        if series.durations is not None:
            self.durations.add(series.durations)

    def rate(self, metric: str, now_ns: int) -> float | None:
        """Return how much a metric grows per second lately; None if it was told only once."""
        rates = [_rate(series.recent, now_ns) for series in self.series if series.metric == metric]
        known = [rate for rate in rates if rate is not None]
        return sum(known) if known else None


def read_stages(
    connection: sqlite3.Connection,
    run: int,
    *,
    duration_s: float,
    lately: Lately | None,
    active: Mapping[str, float],
    depths: Mapping[str, float],
) -> list[StageRow]:
    """Return the stages of the run of this number, in the order in which they began.

    Args:
        connection: In a read transaction.
        run: Its number.
        duration_s: Its wall time.
        lately: None: the run is over, and rates are those of the whole run.
        active: Calls running now, by stage.
        depths: Items waiting now, by queue.
    """
    cells: dict[str, tuple[Cell, bytes | None]] = {}
    for row in connection.execute("SELECT * FROM rollup WHERE run = ? AND minute = ?", (run, WHOLE_RUN)).fetchall():
        cells[row[1]] = read_cell(row), row[12]
    told: dict[str, _Told] = {}
    for series in read_series(connection, run):
        # The spans of stages beyond the limit are counted together; so are their metrics.
        beyond = OTHER_STAGES in cells and series.stage not in cells
        told.setdefault(OTHER_STAGES if beyond else series.stage, _Told()).add(series)
    stages: list[tuple[int, StageRow]] = []
    for name in {**cells, **told}:
        cell, recent = cells.get(name, (Cell(), None))
        said = told.get(name, _Told())
        known = _from_spans(name, cell, recent, duration_s, lately)
        # As much as was seen may be exact on both sides; more, or spans that stand for several, only metrics count exactly.
        if said.calls >= max(1, cell.seen) and (said.calls > cell.seen or cell.calls != cell.seen):
            known = _from_metrics(known, said, cell, duration_s, lately)
        known = replace(
            known,
            active=max(0, round(active.get(name, 0))),
            depth=_depth(depths, name),
            errors=dict(said.errors.most_common()),
        )
        stages.append((min(cell.first_ns, said.first_ns), known))
    stages.sort(key=lambda each: each[0])
    # Stages whose first call has not ended yet: most often the source, which runs as long as the pipeline does.
    running = [
        StageRow(name, 0, 0, 0, None, None, 0.0, active=round(active[name]), depth=_depth(depths, name))
        for name in active
        if name not in cells and name not in told and active[name] > 0
    ]
    return [*running, *(row for _, row in stages)]


def _from_spans(name: str, cell: Cell, recent: bytes | None, duration_s: float, lately: Lately | None) -> StageRow:
    calls_per_s, items_per_s = _span_rates(read_recent(recent), lately)
    row = StageRow(
        name=name,
        calls=round(cell.calls),
        failed=round(cell.failed),
        items=round(cell.items),
        p50_s=_seconds(sketch.quantile_ns(cell.histogram, 0.5)),
        p95_s=_seconds(sketch.quantile_ns(cell.histogram, 0.95)),
        busy=cell.busy_ns / 1e9 / duration_s if duration_s else 0.0,
        pipeline=cell.pipeline,
        calls_per_s=calls_per_s,
        items_per_s=items_per_s,
        items_failed=round(cell.items_failed),
        items_skipped=round(cell.items_skipped),
    )
    return row if lately is not None else _over_all(row, duration_s)


def _from_metrics(row: StageRow, told: _Told, cell: Cell, duration_s: float, lately: Lately | None) -> StageRow:
    row = replace(
        row,
        calls=round(told.calls),
        failed=sum(told.errors.values()),
        p50_s=told.durations.quantile_s(0.5, cell.histogram),
        p95_s=told.durations.quantile_s(0.95, cell.histogram),
        busy=told.durations.sum_s / duration_s if duration_s else 0.0,
        pipeline=told.pipeline or row.pipeline,
        calls_per_s=told.rate(names.METRIC_STAGE_DURATION, lately.now_ns) if lately is not None else None,
        source="metrics",
    )
    if told.items:
        row = replace(
            row,
            items=sum(told.items.values()),
            items_failed=told.items["failed"],
            items_skipped=told.items["skipped"],
            items_per_s=told.rate(names.METRIC_STAGE_ITEMS, lately.now_ns) if lately is not None else None,
        )
    return row if lately is not None else _over_all(row, duration_s)


def without_waits(stage: StageRow, run: RunRow) -> StageRow:
    """Return a stage whose ``busy`` does not hold the time in which it waited: spans tell of it, durations in metrics don't."""
    if stage.source == "spans" or not run.measured_s or run.duration_s <= 0:
        return stage
    waited = ((stage.starved or 0.0) + (stage.blocked or 0.0)) * run.measured_s / run.duration_s
    return replace(stage, busy=max(0.0, stage.busy - waited))


def _over_all(row: StageRow, duration_s: float) -> StageRow:
    """Return a stage of a run that is over, with the rates of all of it."""
    if duration_s <= 0:
        return replace(row, calls_per_s=None, items_per_s=None)
    return replace(row, calls_per_s=row.calls / duration_s, items_per_s=row.items / duration_s)


def _span_rates(recent: Mapping[int, tuple[float, float]], lately: Lately | None) -> tuple[float | None, float | None]:
    """Return calls/s and items/s over the run's last five whole seconds; None before there is one."""
    if lately is None or not lately.last_ns:
        return None, None
    last_s = max(lately.last_ns // _SECOND_NS, lately.now_ns // _SECOND_NS - _SPANS_LATE_S)
    first_s = max(last_s - _WINDOW_S, lately.first_ns // _SECOND_NS)
    window_s = last_s - first_s
    if window_s <= 0:
        return None, None
    counts = [count for second, count in recent.items() if first_s <= second < last_s]
    return sum(calls for calls, _ in counts) / window_s, sum(items for _, items in counts) / window_s


def _rate(recent: list[tuple[int, float]], now_ns: int) -> float | None:
    """Return how fast a total grew over its last five seconds, or between its last two moments if those are longer apart."""
    if len(recent) < 2:
        return None
    last_ns, total = recent[-1]
    if now_ns - last_ns > _INTERVALS_LATE * max(_SECOND_NS, last_ns - recent[-2][0]):
        return 0.0
    window = [moment for moment in recent[:-1] if last_ns - moment[0] <= _WINDOW_S * _SECOND_NS]
    first_ns, before = window[0] if window else recent[-2]
    return max(0.0, (total - before) * _SECOND_NS / (last_ns - first_ns)) if last_ns > first_ns else None


def _depth(depths: Mapping[str, float], stage: str) -> int | None:
    for queue, depth in depths.items():
        if queue == stage or queue.endswith((f"->{stage}", f"→{stage}")):
            return round(depth)
    return None


def _seconds(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / 1e9
