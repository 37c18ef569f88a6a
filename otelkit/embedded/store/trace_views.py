"""One trace, read back with all its spans and log records."""

from __future__ import annotations

import base64
import sqlite3
import struct
from collections.abc import Mapping
from typing import Any, Final

from otelkit.embedded.store.dictionary import AttributeReader
from otelkit.embedded.wire_primitives import fields
from otelkit.embedded.wire_values import parse_any_value, parse_key_value
from otelkit.model.calls import AttributeValue
from otelkit.model.views import EventView, LinkView, LogView, SpanView, TraceView

_U64: Final = struct.Struct("<Q")
_KINDS: Final = {0: "unspecified", 1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_STATUSES: Final = {0: "unset", 1: "ok", 2: "error"}
_SEVERITIES: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


class TraceViews:
    """Reads traces; needs an open read transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._attributes = AttributeReader(connection)
        self._resources: dict[int, Mapping[str, AttributeValue]] = {}

    def find(self, prefix: str) -> tuple[int, bytes] | None:
        """Return number and id of the only trace whose id begins with ``prefix``; None if there is none or several."""
        try:
            low, high = bytes.fromhex(prefix.ljust(32, "0")), bytes.fromhex(prefix.ljust(32, "f"))
        except ValueError:
            return None
        if not prefix or len(low) != 16:
            return None
        rows = self._connection.execute(
            "SELECT no, trace_id FROM trace WHERE trace_id BETWEEN ? AND ? LIMIT 2", (low, high)
        ).fetchall()
        return rows[0] if len(rows) == 1 else None

    def view(self, number: int, trace_id: bytes) -> TraceView:
        """Return the trace of this number."""
        spans = [
            self._span(*row)
            for row in self._connection.execute(
                "SELECT span_id, parent, name, kind, start_ns, duration_ns, bits, attributes, rest, resource, scope.raw "
                "FROM span JOIN shape ON shape.id = shape JOIN scope ON scope.id = scope WHERE trace = ? "
                "ORDER BY start_ns, seq",
                (number,),
            )
        ]
        logs = [
            self._log(trace_id, *row)
            for row in self._connection.execute(
                "SELECT span_id, time_ns, severity, severity_text, body, attributes FROM log WHERE trace = ? "
                "ORDER BY time_ns, id",
                (number,),
            )
        ]
        return TraceView(trace_id.hex(), tuple(spans), tuple(logs))

    def _span(
        self,
        span_id: bytes,
        parent: bytes | None,
        name: str | None,
        kind: int,
        start_ns: int,
        duration_ns: int,
        bits: int,
        attributes: bytes,
        rest: bytes | None,
        resource: int,
        scope_raw: bytes,
    ) -> SpanView:
        events, links = [], []
        status, status_message, trace_state = bits & 3, "", ""
        rest = rest or b""
        for tag, start, stop in fields(rest, 0, len(rest)):
            if tag == 0x5A:
                events.append(_event(rest, start, stop))
            elif tag == 0x6A:
                links.append(_link(rest, start, stop))
            elif tag == 0x7A:
                status_message = _text(rest, start, stop, 0x12)
            elif tag == 0x1A:
                trace_state = rest[start:stop].decode()
            elif tag == 0x2A:
                name = rest[start:stop].decode()
        return SpanView(
            span_id=span_id.hex(),
            parent_span_id=parent.hex() if parent else None,
            name=name or "",
            start_unix_nano=start_ns,
            duration_ns=duration_ns,
            status=_STATUSES.get(status, "unset"),
            attributes=self._values(attributes),
            events=tuple(events),
            links=tuple(links),
            resource=self._resource(resource),
            kind=_KINDS.get(kind, str(kind)),
            status_message=status_message,
            trace_state=trace_state,
            scope=_text(scope_raw, 0, len(scope_raw), 0x0A),
        )

    def _log(
        self,
        trace_id: bytes,
        span_id: bytes | None,
        time_ns: int,
        severity: int,
        severity_text: str,
        body: str | bytes | None,
        attributes: bytes,
    ) -> LogView:
        return LogView(
            time_unix_nano=time_ns,
            trace_id=trace_id.hex(),
            span_id=span_id.hex() if span_id else None,
            severity=severity_text or severity_name(severity),
            body=body_text(body),
            attributes=self._values(attributes),
        )

    def _values(self, packed: bytes) -> dict[str, AttributeValue]:
        return {key: plain(value) for key, value in self._attributes.values(packed).items()}

    def _resource(self, number: int) -> Mapping[str, AttributeValue]:
        known = self._resources.get(number)
        if known is None:
            row = self._connection.execute("SELECT raw FROM resource WHERE id = ?", (number,)).fetchone()
            known = self._resources[number] = _attributes(row[0], 0, len(row[0]), 0x0A) if row else {}
        return known


def severity_name(number: int) -> str:
    """Return ``INFO`` and so on for a severity number of the protocol; empty for 0, unspecified."""
    return _SEVERITIES[(number - 1) // 4] if 1 <= number <= 24 else ""


def body_text(body: str | bytes | None) -> str:
    """Return a log record's body as text."""
    if isinstance(body, bytes):
        value, _ = parse_any_value(body, 0, len(body))
        return str(plain(value))
    return body or ""


def plain(value: Any) -> Any:
    """Return a value such that JSON can hold it: bytes become base64 text, as in OTLP/JSON; no value an empty text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return "" if value is None else value


def _attributes(raw: bytes, pos: int, end: int, tag: int) -> dict[str, AttributeValue]:
    found = {}
    for found_tag, start, stop in fields(raw, pos, end):
        if found_tag == tag:
            key, value = parse_key_value(raw, start, stop)
            found[key] = plain(value)
    return found


def _text(raw: bytes, pos: int, end: int, tag: int) -> str:
    text = ""
    for found_tag, start, stop in fields(raw, pos, end):
        if found_tag == tag:
            text = raw[start:stop].decode()
    return text


def _event(raw: bytes, pos: int, end: int) -> EventView:
    time_ns = 0
    for tag, start, _ in fields(raw, pos, end):
        if tag == 0x09:
            time_ns = _U64.unpack_from(raw, start)[0]
    return EventView(_text(raw, pos, end, 0x12), time_ns, _attributes(raw, pos, end, 0x1A))


def _link(raw: bytes, pos: int, end: int) -> LinkView:
    ids = {0x0A: b"", 0x12: b""}
    for tag, start, stop in fields(raw, pos, end):
        if tag in ids:
            ids[tag] = raw[start:stop]
    return LinkView(ids[0x0A].hex(), ids[0x12].hex(), _attributes(raw, pos, end, 0x22))
