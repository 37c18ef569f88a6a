"""Ended spans as an OTLP request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from otelkit._otlp.encoded import REQUEST_BYTES, Encoded, in_requests
from otelkit._otlp.framing import ITEM, Frames, Groups, request
from otelkit._otlp.key_values import KeyValueWriter
from otelkit._otlp.wire import varint
from otelkit._version import __version__
from otelkit.spans.light_span import LightSpan
from otelkit.spans.otlp.extras import ExtrasWriter
from otelkit.spans.otlp.light import LightWriter
from otelkit.spans.otlp.readable import ATTRIBUTES, ReadableWriter

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_LIGHT: Final = {LightSpan}


class SpanEncoder:
    """Writes ended spans as OTLP in protobuf, without protobuf. Several threads may encode at once; a fork changes nothing.

    A forked child whose resource differs takes an encoder of its own.

    Args:
        resource_attributes: Of this process: the resource of all spans that do not bring their own.
        resource_schema_url: Of those attributes' names.
        scope_name: The instrumentation scope of spans that do not bring their own.
        scope_version: Version of that.
        request_bytes: Most bytes of one of several `requests`.
        on_failed: Told why a span was left out, perhaps more than once; must not raise.
    """

    def __init__(
        self,
        resource_attributes: Mapping[str, Any],  # Any: whatever the SDK allows as an attribute's value
        resource_schema_url: str = "",
        *,
        scope_name: str = "otelkit",
        scope_version: str = __version__,
        request_bytes: int = REQUEST_BYTES,
        on_failed: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._request_bytes = request_bytes
        self._on_failed = on_failed
        self._frames = Frames()
        self._resource = self._frames.resource(resource_attributes, resource_schema_url)
        self._scope = self._frames.scope(scope_name, scope_version)
        attributes = KeyValueWriter(ATTRIBUTES)
        extras = ExtrasWriter()
        self._readable = ReadableWriter(attributes, extras)
        self._light = LightWriter(attributes, extras, self._readable, on_failed)

    def requests(self, spans: Sequence[LightSpan | ReadableSpan]) -> list[Encoded]:
        """Return requests with ``spans``, in order, none above ``request_bytes`` unless it holds a single one. See `encode`."""
        return in_requests(self.encode, spans, self._request_bytes)

    def encode(self, spans: Sequence[LightSpan | ReadableSpan]) -> Encoded:
        """Return a request with ``spans``, grouped by resource and scope in the order in which these first appear.

        It decodes to the same message as what the stock encoder writes, with these exceptions, most of which cost the stock
        encoder the whole batch: text that is no UTF-8 has U+FFFD where a surrogate was; integers of more than 64 bits are text;
        times before 1970 are 0; a name that is no text is written as its ``str``. Attributes that can't be written (a value
        without a type in OTLP, or nested beyond what readers take) are left out, and counted as dropped attributes. Spans that
        can't be written are left out alone.
        """
        groups: Groups = {}
        left_out = 0
        # All of one kind, as a rule; that is seen faster than each is asked.
        runs = (
            [(True, spans)] if set(map(type, spans)) == _LIGHT else groupby(spans, lambda span: type(span) is LightSpan)
        )
        for light, run in runs:
            left_out += self._write_light(run, groups) if light else self._write_readable(run, groups)
        return Encoded(request(groups), len(spans) - left_out, left_out)

    def _write_light(self, spans: Iterable[Any], groups: Groups) -> int:  # Any: LightSpan, as was asked
        pieces: list[bytes] = []
        left_out = self._light.write(spans, pieces)
        if pieces:
            groups.setdefault(self._resource, {}).setdefault(self._scope, []).extend(pieces)
        return left_out

    def _write_readable(self, spans: Iterable[Any], groups: Groups) -> int:  # Any: ReadableSpan, or nearly
        left_out = 0
        resource = scope = pieces = None
        for span in spans:
            try:
                written = self._readable.write(span)
                # Most spans come from where the one before came from.
                if pieces is None or span.resource is not resource or span.instrumentation_scope is not scope:
                    resource, scope = span.resource, span.instrumentation_scope
                    around = self._frames.of_resource(resource), self._frames.of_scope(scope)
                    pieces = groups.setdefault(around[0], {}).setdefault(around[1], [])
            except Exception as error:  # noqa: BLE001 - a span may be of a stranger's class; the others must still leave
                left_out += 1
                pieces = None
                self._on_failed(error)
            else:
                pieces += (ITEM, varint(len(written)), written)
        return left_out
