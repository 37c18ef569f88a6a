"""Rows back to protobuf messages, for views and export."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from otelkit.embedded.wire_primitives import write_varint

_I64: Final = struct.Struct("<q")
_U32: Final = struct.Struct("<I")

SpanFacts = tuple[bytes, bytes, bytes | None, str | None, int, int, int, int]
"""Trace id, span id, parent, name, kind, start, duration, bits: as in the tables ``span`` and ``shape``."""

LogFacts = tuple[bytes | None, bytes | None, int, int, str, str | bytes | None]
"""Trace id, span id, time, severity number and text, body: as in the table ``log``."""


def field(tag: int, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return write_varint(tag) + write_varint(len(content)) + content


def span_message(facts: SpanFacts, attributes: Iterable[bytes], rest: bytes | None) -> bytes:
    """Return a stored span as a `Span` message."""
    trace_id, span_id, parent, name, kind, start_ns, duration_ns, bits = facts
    out = [field(0x0A, trace_id), field(0x12, span_id)]
    if parent:
        out.append(field(0x22, parent))
    if name is not None:
        out.append(field(0x2A, name.encode()))
    if kind:
        out.append(b"\x30" + write_varint(kind & (1 << 64) - 1))
    out.append(b"\x39" + _I64.pack(start_ns) + b"\x41" + _I64.pack(start_ns + duration_ns))
    out += [field(0x4A, attribute) for attribute in attributes]
    if bits & 3:
        # Before the rest: a status message in there merges with it.
        out.append(field(0x7A, b"\x18" + write_varint(bits & 3)))
    if rest:
        out.append(rest)
    if bits >> 2:
        out.append(b"\x85\x01" + _U32.pack(bits >> 2))
    return b"".join(out)


def log_message(facts: LogFacts, attributes: Iterable[bytes], rest: bytes | None) -> bytes:
    """Return a stored log record as a `LogRecord` message."""
    trace_id, span_id, time_ns, severity, severity_text, body = facts
    out = [b"\x09" + _I64.pack(time_ns)]
    if severity:
        out.append(b"\x10" + write_varint(severity & (1 << 64) - 1))
    if severity_text:
        out.append(field(0x1A, severity_text.encode()))
    if body is not None:
        out.append(field(0x2A, field(0x0A, body.encode()) if isinstance(body, str) else body))
    out += [field(0x32, attribute) for attribute in attributes]
    if trace_id:
        out.append(field(0x4A, trace_id))
    if span_id:
        out.append(field(0x52, span_id))
    if rest:
        out.append(rest)
    return b"".join(out)
