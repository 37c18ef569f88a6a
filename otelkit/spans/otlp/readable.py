"""Spans of the SDK as OTLP's ``Span`` messages."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind

from otelkit._otlp.key_values import KeyValueWriter, pairs
from otelkit._otlp.wire import count, text_field, time_ns, varint
from otelkit.spans.otlp.extras import LOCAL, REMOTE, ExtrasWriter, ids, status_field

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import TraceState

_TRACE_STATE: Final = b"\x1a"
_PARENT: Final = b"\x22\x08"
_NAME: Final = b"\x2a"
_KIND: Final = b"\x30"
_START: Final = b"\x39"
_END: Final = b"\x41"
ATTRIBUTES: Final = b"\x4a"
_DROPPED_ATTRIBUTES: Final = b"\x50"
_FLAGS: Final = b"\x85\x01"

INTERNAL: Final = _KIND + b"\x01"
"""The kind of a span that neither comes from outside nor goes there."""
LOCAL_FLAGS: Final = _FLAGS + LOCAL
REMOTE_FLAGS: Final = _FLAGS + REMOTE

_pack_times: Final = struct.Struct("<cQcQ").pack


def name_field(name: object) -> bytes:
    """Return the field of a span's name, which need be no text: nobody keeps users from renaming a span to 42."""
    return text_field(_NAME, name)


def trace_state_field(state: TraceState | None) -> bytes:
    """Return the field of a span's tracestate; nothing for an empty one."""
    if not state:
        return b""
    return text_field(_TRACE_STATE, ",".join([f"{key}={value}" for key, value in state.items()]))


def times(start_ns: float | None, end_ns: float | None) -> bytes:
    """Return the fields of a span's start and end, in Unix nanoseconds; see `wire.time_ns` for what these may be."""
    try:
        return _pack_times(_START, start_ns, _END, end_ns)
    except struct.error:
        return _START + time_ns(start_ns) + _END + time_ns(end_ns)


class ReadableWriter:
    """Writes spans of the SDK. Several threads may write at once.

    Args:
        attributes: Writes the attributes of spans; shared with who writes other spans, for what it remembers.
        extras: Writes events and links.
    """

    def __init__(self, attributes: KeyValueWriter, extras: ExtrasWriter) -> None:
        self._attributes = attributes
        self._extras = extras

    def write(self, span: ReadableSpan) -> bytes:
        """Return the content of the ``Span`` message.

        Decodes to what the stock encoder makes of the span, except for what that fails on or leaves out unsaid: see
        `SpanEncoder.encode`. Raises if the span has no context or an id that fits no id's bytes, and whatever a stranger's
        subclass of the SDK's spans raises.
        """
        context = span.get_span_context()
        if context is None:
            raise ValueError("a span without ids can't be written; it was not made by a tracer")
        attributes, left_out = self._attributes.fields(pairs(span.attributes))
        kind = span.kind
        written = [
            ids(context.trace_id, context.span_id),
            trace_state_field(context.trace_state),
            name_field(span.name),
            # The API counts kinds from 0, the protocol from 1. An enum's value costs more than the rest of this line.
            INTERNAL if kind is SpanKind.INTERNAL else _KIND + varint(kind.value + 1),
            times(span.start_time, span.end_time),
            attributes,
            count(_DROPPED_ATTRIBUTES, span.dropped_attributes + left_out),
            status_field(span.status),
        ]
        parent = span.parent
        if parent is None:
            written.append(LOCAL_FLAGS)
        else:
            written += (_PARENT, parent.span_id.to_bytes(8, "big"), REMOTE_FLAGS if parent.is_remote else LOCAL_FLAGS)
        events, dropped_events = span.events, span.dropped_events
        if events or dropped_events:
            written.append(self._extras.events(events, dropped_events))
        links, dropped_links = span.links, span.dropped_links
        if links or dropped_links:
            written.append(self._extras.links(links, dropped_links))
        return b"".join(written)
