"""Log records from OTLP."""

from __future__ import annotations

import struct
from typing import Any, Final

from otelkit.embedded.wire_envelope import MAX_TIME_NS, Batch, Parser
from otelkit.embedded.wire_primitives import read_tag, read_varint, signed_32, skip_field
from otelkit.embedded.wire_values import Attribute, Mark, parse_any_value

LogRow = tuple[
    bytes,  # trace id, 16 bytes; empty: none
    bytes,  # span id, 8 bytes; empty: none
    int,  # time, Unix nanoseconds; the observed time if the sender gave no other
    int,  # severity number, as in the protocol
    str,  # severity text
    str | bytes | None,  # body: text, or the `AnyValue` message of anything else; None: no body
    tuple[Attribute, ...],  # attributes that repeat
    list[bytes],  # attributes that do not, as `KeyValue` messages
    list[Mark],  # what of those is marked
    bytes,  # rest: all other fields as they came
]

_U64: Final = struct.Struct("<Q")
_NO_IDS: Final = frozenset({bytes(16), bytes(8)})


class LogParser(Parser):
    """Decodes requests of log records."""

    signal = "logs"

    def _read(self, buf: bytes, pos: int, end: int, rows: list[LogRow], batch: Batch) -> None:
        memo = self._envelope.attributes
        trace_id = span_id = rest = b""
        time_ns = observed_ns = severity = 0
        severity_text = ""
        body: Any = None  # Any: the value of an AnyValue
        case = 0
        body_raw = b""
        shared: list[Attribute] = []
        own: list[bytes] = []
        marks: list[Mark] = []
        while pos < end:
            field = pos
            tag, pos = read_tag(buf, pos)
            after = skip_field(buf, tag, pos, end)
            if tag & 7 == 2:
                _, pos = read_varint(buf, pos)
            if tag == 0x32:  # attributes
                raw = buf[pos:after]
                learnt = memo.young.get(raw) or memo.learn(raw, buf, pos)
                if isinstance(learnt, Attribute):
                    shared.append(learnt)
                else:
                    own.append(raw)
                    if learnt is not None:
                        marks.append(learnt)
            elif tag == 0x09:
                time_ns = _U64.unpack_from(buf, pos)[0]
            elif tag == 0x10:
                severity = signed_32(read_varint(buf, pos)[0])
            elif tag == 0x1A:
                severity_text = buf[pos:after].decode()
            elif tag == 0x2A:
                body, case = parse_any_value(buf, pos, after, value=body, case=case)
                # A message given twice merges, which is the same as one after the other.
                body_raw += buf[pos:after]
            elif tag == 0x4A:
                trace_id = buf[pos:after]
            elif tag == 0x52:
                span_id = buf[pos:after]
            else:
                if tag == 0x59:
                    observed_ns = _U64.unpack_from(buf, pos)[0]
                elif tag == 0x62:
                    buf[pos:after].decode()
                rest += buf[field:after]
            pos = after
        # As the specification asks, invalid ids count as absent and do not cost the record.
        if len(trace_id) != 16 or trace_id in _NO_IDS:
            trace_id = b""
        if len(span_id) != 8 or span_id in _NO_IDS:
            span_id = b""
        time_ns = time_ns or observed_ns
        if time_ns > MAX_TIME_NS:
            batch.reject("a log record whose time is after the year 2262")
            return
        batch.timeless |= not time_ns
        rows.append(
            (
                trace_id,
                span_id,
                time_ns,
                severity,
                severity_text,
                body if case == 1 else body_raw or None,
                tuple(shared),
                own,
                marks,
                rest,
            )
        )
