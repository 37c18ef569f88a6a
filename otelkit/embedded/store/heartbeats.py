"""Stage calls that have been running for long, as their heartbeats told last."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

from otelkit import names
from otelkit.embedded.wire_primitives import fields
from otelkit.model.views import LongCall

_NAME: Final = names.EVENT_STAGE_HEARTBEAT.encode()
_MOST: Final = 200
"""Calls kept of one run; of more the longest."""
_SHOWN: Final = 5
_GAPS: Final = 2.5
"""A call that was not heard of for so many times its interval is over, or its process is."""
_LATEST_NS: Final = 1 << 62


class Heartbeats:
    """The writer's side. Needs an open transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.spans: set[bytes] = {span_id for (span_id,) in connection.execute("SELECT span_id FROM heartbeat")}
        """The span ids of the calls that beat; empty most of the time."""

    def take(
        self, run: int, trace_id: bytes, span_id: bytes, time_ns: int, marks: Iterable[tuple[str, Any]]
    ) -> None:  # Any: attribute values
        """Take in one heartbeat."""
        said = dict(marks)
        stage, item, elapsed_s = said.get(names.STAGE_NAME), said.get(names.ITEM_ID), said.get(names.STAGE_ELAPSED_S)
        if not isinstance(stage, str) or isinstance(elapsed_s, bool) or not isinstance(elapsed_s, int | float):
            return
        elapsed_ns = min(max(elapsed_s, 0.0) * 1e9, _LATEST_NS) if elapsed_s == elapsed_s else 0
        item = None if item is None else str(item)
        # Without a span of its own (tracing is off) the item tells it from others.
        call = span_id or f"{stage}\0{item}".encode()
        execute = self._connection.execute
        before = execute("SELECT told_ns, gap_ns FROM heartbeat WHERE run = ? AND call = ?", (run, call)).fetchone()
        told_ns, gap_ns = before or (time_ns - int(elapsed_ns), 0)
        execute(
            "INSERT OR REPLACE INTO heartbeat VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run, call, trace_id, span_id, stage, item, int(elapsed_ns), time_ns, max(gap_ns, time_ns - told_ns)),
        )
        self.spans.add(span_id)
        execute(
            "DELETE FROM heartbeat WHERE run = ? AND call NOT IN "
            "(SELECT call FROM heartbeat WHERE run = ? ORDER BY elapsed_ns DESC LIMIT ?)",
            (run, run, _MOST),
        )

    def ended(self, span_ids: Iterable[bytes]) -> None:
        """Forget the calls whose spans have arrived."""
        over = self.spans.intersection(span_ids)
        self._connection.executemany("DELETE FROM heartbeat WHERE span_id = ?", [(span_id,) for span_id in over])
        self.spans -= over


def is_heartbeat(rest: bytes) -> bool:
    """Return whether a log record is a heartbeat, from the fields that the wire parser handed on as they came."""
    return _NAME in rest and any(
        tag == 0x62 and rest[start:stop] == _NAME for tag, start, stop in fields(rest, 0, len(rest))
    )


def read_long_calls(
    connection: sqlite3.Connection, run: int, now_ns: int, active: Mapping[str, float]
) -> tuple[LongCall, ...]:
    """Return the calls of a run that have been running for longest, at most five.

    Args:
        connection: In a read transaction.
        run: The run's number.
        now_ns: Unix nanoseconds.
        active: Calls running now by stage, as far as metrics say: a stage of which none runs has no long ones either.
    """
    rows = connection.execute(
        "SELECT stage, item, trace_id, span_id, elapsed_ns + ? - told_ns AS so_far FROM heartbeat "
        "WHERE run = ? AND ? - told_ns <= ? * gap_ns ORDER BY so_far DESC, call",
        (now_ns, run, now_ns, _GAPS),
    )
    return tuple(
        LongCall(stage, item, trace_id.hex(), span_id.hex(), max(0, so_far) / 1e9)
        for stage, item, trace_id, span_id, so_far in rows
        if active.get(stage, 1) > 0
    )[:_SHOWN]
