"""Runs and their stages, read back."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from otelkit import names
from otelkit.embedded.store import sketch
from otelkit.embedded.store.heartbeats import read_long_calls
from otelkit.embedded.store.losses import read_losses
from otelkit.embedded.store.notable import Notable
from otelkit.embedded.store.rollups import WHOLE_RUN, Cell, read_cell
from otelkit.embedded.store.stage_views import Lately, read_stages, without_waits
from otelkit.embedded.store.time_shares import with_time_shares
from otelkit.embedded.wire_primitives import fields
from otelkit.embedded.wire_values import parse_key_value
from otelkit.model.views import ItemRef, LossRow, MinuteRow, QueueRow, RunRow

RUNNING_FOR_S: Final = 15
"""A run of which nobody says how it is runs as long as its last data is at most so old: longer than the 10 s between two
exports of metrics."""

_SKEW_S: Final = 15
"""Clocks of senders may be so far behind ours before their data counts as old: it may come out of a spool, long after its
program ended."""

_AFTERMATH_NS: Final = 2_000_000_000
"""What comes with the last export may be so much younger than the end that it tells."""

_SILENT_FOR_S: Final = 120
"""A run that is said to run, and of which nothing was heard for so long, was killed."""

_SECOND_NS: Final = 1_000_000_000
_GAUGES: Final = (
    names.METRIC_STAGE_ACTIVE,
    names.METRIC_QUEUE_DEPTH,
    names.METRIC_QUEUE_CAPACITY,
    names.METRIC_RUN_PROGRESS,
    names.METRIC_RUN_TOTAL,
    names.METRIC_LOST,
)


class _Run(NamedTuple):
    no: int
    id: str
    told_name: str | None
    given_name: str | None
    service: str | None
    state: str | None
    exit_code: int | None
    started_ns: int | None
    ended_ns: int | None
    first_ns: int | None
    last_ns: int | None
    arrived_ns: int
    spans: int
    logs: int
    total: int | None
    slowest: str | None
    last_failed: str | None
    told_end_ns: int | None


_SELECT: Final = f"SELECT {', '.join(_Run._fields)} FROM run"
_NEWEST_FIRST: Final = "ORDER BY coalesce(started_ns, first_ns, arrived_ns) DESC, no DESC"


class RunViews:
    """Reads runs; needs an open read transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def newest(self, limit: int, now_ns: int) -> list[RunRow]:
        """Return the newest runs first, without stages."""
        rows = self._connection.execute(f"{_SELECT} {_NEWEST_FIRST} LIMIT ?", (limit,)).fetchall()
        return [self._row(_Run(*row), now_ns, whole=False) for row in rows]

    def one(self, prefix: str, now_ns: int) -> RunRow | None:
        """Return the run of this id, or else the only one whose id begins so; None if there is none or several."""
        number = self.find(prefix)
        if number is None:
            return None
        row = self._connection.execute(f"{_SELECT} WHERE no = ?", (number,)).fetchone()
        return self._row(_Run(*row), now_ns, whole=True)

    def find(self, prefix: str) -> int | None:
        """Return the number of the run that `one` returns."""
        if not prefix:
            return None
        found = self._connection.execute("SELECT no FROM run WHERE id = ?", (prefix,)).fetchall()
        if not found:
            found = self._connection.execute(
                "SELECT no FROM run WHERE id >= ? AND substr(id, 1, ?) = ? LIMIT 2", (prefix, len(prefix), prefix)
            ).fetchall()
        return found[0][0] if len(found) == 1 else None

    def losses(self, limit: int, now_ns: int) -> list[LossRow]:
        """Return what runs have lost, by signal and reason; those of the newest runs first, at most ``limit`` of them."""
        losses = read_losses(self._connection)
        marks = ",".join("?" * len(losses))
        rows = self._connection.execute(
            f"{_SELECT} WHERE no IN ({marks}) {_NEWEST_FIRST} LIMIT ?", (*losses, limit)
        ).fetchall()
        found = []
        for run in (_Run(*row) for row in rows):
            row = self._row(run, now_ns, whole=False)
            found += [
                LossRow(row.id, row.name, row.started_at, signal, reason, count)
                for (signal, reason), count in sorted(losses[run.no].items())
            ]
        return found

    def minutes(self, number: int) -> list[MinuteRow]:
        """Return the stages of the run of this number minute by minute, by time, then by stage."""
        rows = self._connection.execute(
            "SELECT * FROM rollup WHERE run = ? AND minute != ? ORDER BY minute, stage", (number, WHOLE_RUN)
        )
        return [_minute(row[1], row[2], read_cell(row)) for row in rows]

    def _row(self, run: _Run, now_ns: int, *, whole: bool) -> RunRow:
        state = _state(run, now_ns)
        started_ns = _first(run.started_ns, run.first_ns, run.arrived_ns)
        ended_ns = now_ns if state == "running" else _first(run.ended_ns, _told_end(run), run.last_ns, started_ns)
        duration_s = max(0, ended_ns - started_ns) / 1e9
        gauges = self._gauges(run.no)
        progress = _whole(gauges[names.METRIC_RUN_PROGRESS].get(""))
        total = _whole(gauges[names.METRIC_RUN_TOTAL].get("")) or run.total
        eta_s = None
        if state == "running" and progress and total and total >= progress:
            eta_s = duration_s * (total - progress) / progress
        row = RunRow(
            id=run.id,
            name=run.told_name or run.given_name or run.service or run.id,
            state=state,
            started_at=_rfc3339(started_ns),
            duration_s=duration_s,
            spans=run.spans,
            lost=_whole(gauges[names.METRIC_LOST].get("")) or 0,
            exit_code=run.exit_code,
            progress=progress,
            total=total,
            eta_s=eta_s,
            slowest=_item(run.slowest),
            last_failed=_item(run.last_failed),
            logs=run.logs,
        )
        if not whole:
            return row
        ended = state != "running"
        stages = read_stages(
            self._connection,
            run.no,
            duration_s=duration_s,
            # What happens lately, which after the end nothing does.
            lately=None if ended else Lately(run.first_ns or 0, run.last_ns or 0, now_ns),
            active={} if ended else gauges[names.METRIC_STAGE_ACTIVE],
            depths=gauges[names.METRIC_QUEUE_DEPTH],
        )
        long_calls = (
            () if ended else read_long_calls(self._connection, run.no, now_ns, gauges[names.METRIC_STAGE_ACTIVE])
        )
        row = replace(row, stages=tuple(stages), queues=_queues(gauges), long_calls=long_calls)
        # From its first span, if it has any: what came before that was its start, and no stage's time.
        work_began_ns = _first(run.first_ns if run.spans else None, started_ns)
        row = with_time_shares(row, self._connection, run.no, work_began_ns)
        return replace(row, stages=tuple(without_waits(stage, row) for stage in row.stages))

    def _gauges(self, run: int) -> dict[str, dict[str, float]]:
        """Return the last values of the metrics that runs are shown with: metric -> stage or queue ("" for others) -> sum.

        Summed over processes, and over attributes that are neither stage nor queue.
        """
        found: dict[str, dict[str, float]] = defaultdict(dict)
        marks = ",".join("?" * len(_GAUGES))
        for name, attributes, value in self._connection.execute(
            f"SELECT name, attributes, last_value FROM series JOIN metric ON metric.id = metric "
            f"WHERE run = ? AND name IN ({marks}) AND last_value IS NOT NULL",
            (run, *_GAUGES),
        ):
            subject = ""
            if name in (names.METRIC_STAGE_ACTIVE, names.METRIC_QUEUE_DEPTH, names.METRIC_QUEUE_CAPACITY):
                wanted = names.STAGE_NAME if name == names.METRIC_STAGE_ACTIVE else names.QUEUE_NAME
                for tag, start, stop in fields(attributes, 0, len(attributes)):
                    key, text = parse_key_value(attributes, start, stop) if tag == 0x0A else ("", "")
                    if key == wanted:
                        subject = str(text)
            found[name][subject] = found[name].get(subject, 0.0) + value
        return found


def _minute(stage: str, minute: int, cell: Cell) -> MinuteRow:
    return MinuteRow(
        stage=stage,
        started_at=_rfc3339(minute * 60 * _SECOND_NS),
        calls=round(cell.calls),
        failed=round(cell.failed),
        items=round(cell.items),
        p50_s=(sketch.quantile_ns(cell.histogram, 0.5) or 0.0) / 1e9,
        p95_s=(sketch.quantile_ns(cell.histogram, 0.95) or 0.0) / 1e9,
    )


def _state(run: _Run, now_ns: int) -> str:
    silent_s = (now_ns - run.arrived_ns) / 1e9
    if run.state is None:
        # Of a run that `otelkit run` has started, the first program to tell its end need not be the last.
        if run.started_ns is None and _told_end(run) is not None:
            return "ended"
        if run.last_ns is not None:
            silent_s = max(silent_s, (now_ns - run.last_ns) / 1e9 - _SKEW_S)
        return "running" if silent_s <= RUNNING_FOR_S else "ended"
    if run.state == "running" and silent_s > _SILENT_FOR_S:
        return "ended"
    return run.state


def _told_end(run: _Run) -> int | None:
    """Return when the run ended, as it says itself; None if it did not, or went on in another process."""
    if run.told_end_ns is None or (run.last_ns or 0) > run.told_end_ns + _AFTERMATH_NS:
        return None
    return run.told_end_ns


def _queues(gauges: dict[str, dict[str, float]]) -> tuple[QueueRow, ...]:
    capacities = gauges[names.METRIC_QUEUE_CAPACITY]
    return tuple(
        QueueRow(name, round(depth), _whole(capacities.get(name)))
        for name, depth in sorted(gauges[names.METRIC_QUEUE_DEPTH].items())
    )


def _item(text: str | None) -> ItemRef | None:
    notable = Notable.from_json(text)
    if notable is None:
        return None
    return ItemRef(
        notable.stage,
        notable.item,
        notable.trace_id,
        notable.span_id,
        max(0, notable.duration_ns) / 1e9,
        notable.error,
    )


def _first(*times: int | None) -> int:
    return next((time for time in times if time is not None), 0)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _rfc3339(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // _SECOND_NS, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{time_ns % _SECOND_NS // 1000:06d}Z"
