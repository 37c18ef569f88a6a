"""The store's content as OTLP/JSON, in pieces, as a Collector's ``otlpjsonfile`` receiver reads it line by line."""

from __future__ import annotations

import sqlite3
import struct
from typing import Any, Final

from otelkit.embedded.store.dictionary import AttributeReader
from otelkit.embedded.store.rebuild import field, log_message, span_message
from otelkit.embedded.wire_json import from_protobuf
from otelkit.embedded.wire_metrics import SUM, Metric
from otelkit.embedded.wire_primitives import fields, write_varint

_PIECE: Final = 500
_I64: Final = struct.Struct("<q")
_F64: Final = struct.Struct("<d")


class Export:
    """Walks spans, then log records, then points, each in the order in which they are stored.

    Call `next` inside a read transaction, one each.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._attributes = AttributeReader(connection)
        self._run: int | None = None
        self._after_span = (-1, -1)
        self._after = {"log": -1, "point": -1}
        self._bounds = (0, 1 << 62, 0, 1 << 62, 0, 1 << 62)
        self._stage = 0

    def only(self, run: int) -> None:
        """Restrict it to the run of this number."""
        self._run = run
        self._bounds = self._connection.execute(
            "SELECT coalesce(first_trace, 0), coalesce(last_trace, -1), coalesce(first_log, 0), coalesce(last_log, -1), "
            "coalesce(first_point, 0), coalesce(last_point, -1) FROM run WHERE no = ?",
            (run,),
        ).fetchone()

    def next(self) -> dict[str, Any] | None:
        """Return the next piece; None at the end."""
        steps = (self._spans, self._logs, self._points)
        while self._stage < len(steps):
            piece = steps[self._stage]()
            if piece is not None:
                return piece
            self._stage += 1
        return None

    def _spans(self) -> dict[str, Any] | None:
        first, last = self._bounds[:2]
        rows = self._connection.execute(
            "SELECT span.trace, span.seq, resource, scope, trace_id, span_id, parent, name, kind, start_ns, duration_ns, "
            "bits, attributes, rest FROM span CROSS JOIN shape ON shape.id = span.shape "
            "CROSS JOIN trace ON trace.no = span.trace "
            "WHERE (span.trace, span.seq) > (?, ?) AND span.trace BETWEEN ? AND ? AND (? IS NULL OR shape.run = ?) "
            "ORDER BY span.trace, span.seq LIMIT ?",
            (*self._after_span, first, last, self._run, self._run, _PIECE),
        ).fetchall()
        if not rows:
            return None
        self._after_span = rows[-1][:2]
        messages = [
            (row[2], row[3], field(0x12, span_message(row[4:12], self._attributes.messages(row[12]), row[13])))
            for row in rows
        ]
        return from_protobuf("traces", self._request(messages))

    def _logs(self) -> dict[str, Any] | None:
        first, last = self._bounds[2:4]
        rows = self._connection.execute(
            "SELECT log.id, resource, scope, trace_id, span_id, time_ns, severity, severity_text, body, attributes, rest "
            "FROM log LEFT JOIN trace ON trace.no = log.trace "
            "WHERE log.id > ? AND log.id BETWEEN ? AND ? AND (? IS NULL OR log.run = ?) ORDER BY log.id LIMIT ?",
            (self._after["log"], first, last, self._run, self._run, _PIECE),
        ).fetchall()
        if not rows:
            return None
        self._after["log"] = rows[-1][0]
        messages = [
            (row[1], row[2], field(0x12, log_message(row[3:9], self._attributes.messages(row[9]), row[10])))
            for row in rows
        ]
        return from_protobuf("logs", self._request(messages))

    def _points(self) -> dict[str, Any] | None:
        first, last = self._bounds[4:]
        rows = self._connection.execute(
            "SELECT point.id, resource, scope, metric.*, attributes, time_ns, value, rest "
            "FROM point CROSS JOIN series ON series.id = point.series CROSS JOIN metric ON metric.id = series.metric "
            "WHERE point.id > ? AND point.id BETWEEN ? AND ? AND (? IS NULL OR series.run = ?) ORDER BY point.id LIMIT ?",
            (self._after["point"], first, last, self._run, self._run, _PIECE),
        ).fetchall()
        if not rows:
            return None
        self._after["point"] = rows[-1][0]
        grouped: dict[tuple[Any, ...], list[bytes]] = {}
        for _, resource, scope, *metric, attributes, time_ns, value, rest in rows:
            point = point_message(metric[4], attributes, time_ns, value, rest)
            grouped.setdefault((resource, scope, *metric), []).append(point)
        messages = [
            (resource, scope, field(0x12, metric_message(Metric(*metric), points)))
            for (resource, scope, _, *metric), points in grouped.items()
        ]
        return from_protobuf("metrics", self._request(messages))

    def _request(self, messages: list[tuple[int, int, bytes]]) -> bytes:
        """Return a request of items given as (resource, scope, field of the scope's message)."""
        by_resource: dict[int, dict[int, list[bytes]]] = {}
        for resource, scope, message in messages:
            by_resource.setdefault(resource, {}).setdefault(scope, []).append(message)
        out = []
        for resource, scopes in by_resource.items():
            parts = [self._head("resource", resource)]
            for scope, items in scopes.items():
                head, url = self._head("scope", scope), self._schema_url("scope", scope)
                parts.append(field(0x12, head + b"".join(items) + url))
            parts.append(self._schema_url("resource", resource))
            out.append(field(0x0A, b"".join(parts)))
        return b"".join(out)

    def _head(self, table: str, number: int) -> bytes:
        # A resource can be gone with the run that it was made for, while another run of the same process is still there.
        row = self._connection.execute(f"SELECT raw FROM {table} WHERE id = ?", (number,)).fetchone()
        return field(0x0A, row[0]) if row else b""

    def _schema_url(self, table: str, number: int) -> bytes:
        row = self._connection.execute(f"SELECT schema_url FROM {table} WHERE id = ?", (number,)).fetchone()
        return field(0x1A, row[0].encode()) if row and row[0] else b""


def point_message(
    data: int, attributes: bytes, time_ns: int, value: int | float | str | None, rest: bytes | None
) -> bytes:
    tag = {9: 0x4A, 10: 0x0A}.get(data, 0x3A)
    out = [field(tag, attributes[start:stop]) for _, start, stop in fields(attributes, 0, len(attributes))]
    out.append(b"\x19" + _I64.pack(time_ns))
    if isinstance(value, int):
        out.append(b"\x31" + _I64.pack(value))
    elif value is not None:
        out.append(b"\x21" + _F64.pack(float(value)))
    out.append(rest or b"")
    return b"".join(out)


def metric_message(metric: Metric, points: list[bytes]) -> bytes:
    body = b"".join([field(0x0A, point) for point in points])
    if metric.data in (7, 9, 10):
        body += b"\x10" + write_varint(metric.temporality & (1 << 64) - 1)
    if metric.data == SUM and metric.monotonic:
        body += b"\x18\x01"
    return (
        field(0x0A, metric.name.encode())
        + field(0x12, metric.description.encode())
        + field(0x1A, metric.unit.encode())
        + field(metric.data << 3 | 2, body)
        + metric.metadata
    )
