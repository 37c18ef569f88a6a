"""What a span has besides its times and attributes: status, events and links."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import StatusCode

from otelkit._otlp.key_values import KeyValueWriter, pairs
from otelkit._otlp.wire import count, field, text_field, time_ns

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event
    from opentelemetry.trace import Link, Status

_EVENT: Final = b"\x5a"
_DROPPED_EVENTS: Final = b"\x60"
_LINK: Final = b"\x6a"
_DROPPED_LINKS: Final = b"\x70"
_STATUS: Final = b"\x7a"

_EVENT_TIME: Final = b"\x09"
_EVENT_NAME: Final = b"\x12"
_EVENT_ATTRIBUTES: Final = b"\x1a"
_EVENT_DROPPED: Final = b"\x20"
_LINK_ATTRIBUTES: Final = b"\x22"
_LINK_DROPPED: Final = b"\x28"
_LINK_FLAGS: Final = b"\x35"
_STATUS_MESSAGE: Final = b"\x12"
_STATUS_CODE: Final = b"\x18"
_TRACE_ID: Final = b"\x0a\x10"
_SPAN_ID: Final = b"\x12\x08"

_HAS_IS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200
_pack_flags: Final = struct.Struct("<I").pack
LOCAL: Final = _pack_flags(_HAS_IS_REMOTE)
"""Flags of what refers to a span of this process, or to none. Without the W3C flags, as from the stock encoder."""
REMOTE: Final = _pack_flags(_HAS_IS_REMOTE | _IS_REMOTE)

UNSET_STATUS: Final = field(_STATUS, b"")


def ids(trace_id: int, span_id: int) -> bytes:
    """Return the fields of both ids, of a span or a link. OverflowError if one does not fit its 16 or 8 bytes."""
    return _TRACE_ID + trace_id.to_bytes(16, "big") + _SPAN_ID + span_id.to_bytes(8, "big")


def status_field(status: Status | None) -> bytes:
    """Return the field of a span's status."""
    if status is None:
        return b""
    code = status.status_code
    description = status.description
    if code is StatusCode.UNSET and not description:
        return UNSET_STATUS
    return field(_STATUS, text_field(_STATUS_MESSAGE, description) + count(_STATUS_CODE, code.value))


class ExtrasWriter:
    """Writes events and links. Several threads may write at once."""

    def __init__(self) -> None:
        self._of_events = KeyValueWriter(_EVENT_ATTRIBUTES)
        self._of_links = KeyValueWriter(_LINK_ATTRIBUTES)

    def events(self, events: Iterable[Event], dropped: int) -> bytes:
        """Return the fields of a span's events, and of how many were dropped."""
        return b"".join([field(_EVENT, self._event(event)) for event in events]) + count(_DROPPED_EVENTS, dropped)

    def links(self, links: Iterable[Link], dropped: int) -> bytes:
        """Return the fields of a span's links, and of how many were dropped. Without tracestate, as from the stock encoder."""
        return b"".join([field(_LINK, self._link(link)) for link in links]) + count(_DROPPED_LINKS, dropped)

    def _event(self, event: Event) -> bytes:
        attributes, left_out = self._of_events.fields(pairs(event.attributes))
        time = _EVENT_TIME + time_ns(event.timestamp)
        return (
            time
            + text_field(_EVENT_NAME, event.name)
            + attributes
            + count(_EVENT_DROPPED, event.dropped_attributes + left_out)
        )

    def _link(self, link: Link) -> bytes:
        attributes, left_out = self._of_links.fields(pairs(link.attributes))
        context = link.context
        flags = _LINK_FLAGS + (REMOTE if context.is_remote else LOCAL)
        dropped = count(_LINK_DROPPED, link.dropped_attributes + left_out)
        return ids(context.trace_id, context.span_id) + attributes + dropped + flags
