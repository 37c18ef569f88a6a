"""Log records as an OTLP request."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from otelkit._otlp.encoded import REQUEST_BYTES, Encoded, in_requests
from otelkit._otlp.framing import ITEM, Frames, Groups, request
from otelkit._otlp.key_values import KeyValueWriter, pairs
from otelkit._otlp.values import STRING, any_value
from otelkit._otlp.wire import count, field, text_field, time_ns, utf8, varint
from otelkit.logs.values import text_of

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import ReadableLogRecord

_TIME: Final = b"\x09"
_SEVERITY_NUMBER: Final = b"\x10"
_SEVERITY_TEXT: Final = b"\x1a"
_BODY: Final = b"\x2a"
_ATTRIBUTES: Final = b"\x32"
_DROPPED_ATTRIBUTES: Final = b"\x38"
_FLAGS: Final = b"\x45"
_TRACE_ID: Final = b"\x4a\x10"
_SPAN_ID: Final = b"\x52\x08"
_OBSERVED: Final = b"\x59"
_EVENT_NAME: Final = b"\x62"

_FLAGS_BITS: Final = 0xFFFF_FFFF
_pack_flags: Final = struct.Struct("<I").pack


class LogEncoder:
    """Writes log records as OTLP in protobuf, without protobuf. Several threads may encode at once; a fork changes nothing.

    Args:
        request_bytes: Most bytes of one of several `requests`.
        on_failed: Told why a record was left out, perhaps more than once; must not raise.
    """

    def __init__(
        self,
        *,
        request_bytes: int = REQUEST_BYTES,
        on_failed: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._request_bytes = request_bytes
        self._on_failed = on_failed
        self._frames = Frames()
        self._attributes = KeyValueWriter(_ATTRIBUTES)

    def requests(self, records: Sequence[ReadableLogRecord]) -> list[Encoded]:
        """Return requests with ``records``, in order, none above ``request_bytes`` unless it holds a single record.

        See `encode`.
        """
        return in_requests(self.encode, records, self._request_bytes)

    def encode(self, records: Sequence[ReadableLogRecord]) -> Encoded:
        """Return a request with ``records``, grouped by resource and scope in the order in which these first appear.

        It decodes to the same message as what the stock encoder writes, with these exceptions, most of which cost the stock
        encoder the whole batch: text that is no UTF-8 has U+FFFD where a surrogate was; integers of more than 64 bits are text;
        times before 1970 are 0; a body that OTLP has no type for is its ``str``; absent ids are just that. Attributes that
        can't be written are left out, and counted as dropped attributes. Records that can't be written are left out alone.
        """
        groups: Groups = {}
        left_out = 0
        resource = scope = pieces = None
        for record in records:
            try:
                written = self._record(record)
                # Most records come from where the one before came from.
                if pieces is None or record.resource is not resource or record.instrumentation_scope is not scope:
                    resource, scope = record.resource, record.instrumentation_scope
                    around = self._frames.of_resource(resource), self._frames.of_scope(scope)
                    pieces = groups.setdefault(around[0], {}).setdefault(around[1], [])
            except Exception as error:  # noqa: BLE001 - programs log anything; the others must still leave
                left_out += 1
                pieces = None
                self._on_failed(error)
            else:
                pieces += (ITEM, varint(len(written)), written)
        return Encoded(request(groups), len(records) - left_out, left_out)

    def _record(self, readable: ReadableLogRecord) -> bytes:
        record = readable.log_record
        attributes, left_out = self._attributes.fields(pairs(record.attributes))
        observed = record.observed_timestamp
        return b"".join(
            (
                _TIME + time_ns(record.timestamp),
                _severity(record.severity_number),
                text_field(_SEVERITY_TEXT, record.severity_text),
                field(_BODY, _body(record.body)),
                attributes,
                count(_DROPPED_ATTRIBUTES, readable.dropped_attributes + left_out),
                _trace(record),
                _OBSERVED + time_ns(observed) if observed else b"",
                text_field(_EVENT_NAME, record.event_name),
            )
        )


def _severity(number: SeverityNumber | None) -> bytes:
    return b"" if number is None else count(_SEVERITY_NUMBER, number.value)


def _body(body: Any) -> bytes:  # Any: whatever was logged
    """Return the content of the ``AnyValue`` for a record's body."""
    if type(body) is str:
        return field(STRING, utf8(body))
    try:
        return any_value(body)
    except Exception:  # noqa: BLE001 - a stranger's mapping may raise anything, and the rest of the record is worth having
        return field(STRING, utf8(text_of(body)))


def _trace(record: LogRecord) -> bytes:
    """Return the fields that say in which span something was logged."""
    flags, trace_id, span_id = record.trace_flags, record.trace_id, record.span_id
    written = _FLAGS + _pack_flags(int(flags) & _FLAGS_BITS) if flags else b""
    if trace_id:
        written += _TRACE_ID + trace_id.to_bytes(16, "big")
    if span_id:
        written += _SPAN_ID + span_id.to_bytes(8, "big")
    return written
