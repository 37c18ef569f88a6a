"""The traces of one run, each in one line: what a decision at its end would look at."""

from __future__ import annotations

import sqlite3

from otelkit.model.views import TraceEnd


def trace_ends(connection: sqlite3.Connection, run: int, limit: int) -> list[TraceEnd]:
    """Return the traces of the run of this number, by their end; at most ``limit``, the first ones that arrived.

    Needs an open read transaction. Takes about 0.5 s for a million spans.
    """
    rows = connection.execute(
        "SELECT trace_id, max(CASE WHEN parent IS NULL THEN coalesce(name, '') END), max(bits & 3 = 2), "
        "min(start_ns), max(start_ns + duration_ns) AS end_ns, count(*) "
        # In this order: spans are clustered by their trace.
        "FROM span CROSS JOIN shape ON shape.id = span.shape CROSS JOIN trace ON trace.no = span.trace "
        "WHERE span.trace BETWEEN (SELECT first_trace FROM run WHERE no = :run) "
        "AND (SELECT last_trace FROM run WHERE no = :run) AND shape.run = :run "
        "GROUP BY span.trace LIMIT :limit",
        {"run": run, "limit": limit},
    )
    ends = [
        TraceEnd(trace_id.hex(), name or "", bool(failed), end_ns - start_ns, end_ns, spans)
        for trace_id, name, failed, start_ns, end_ns, spans in rows
    ]
    ends.sort(key=lambda end: end.end_unix_nano)
    return ends
