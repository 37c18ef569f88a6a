"""Ended spans as an OTLP request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from otelkit._version import __version__
from otelkit.spans.otlp.framing import Frames, Groups, request
from otelkit.spans.otlp.key_values import KeyValueWriter
from otelkit.spans.otlp.readable import ATTRIBUTES, ReadableWriter
from otelkit.spans.otlp.wire import varint

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_SPAN: Final = b"\x12"


class Encoded(NamedTuple):
    """A request, and what is in it."""

    body: bytes
    """A whole ``ExportTraceServiceRequest``; several of them put together are one again. Empty if no span is in it."""
    written: int
    """Spans in ``body``."""
    left_out: int
    """Spans that could not be written."""


class SpanEncoder:
    """Writes ended spans as OTLP in protobuf, without protobuf. Never raises; several threads may encode at once.

    Args:
        resource_attributes: Of this process: the resource of all spans that do not bring their own.
        resource_schema_url: Of those attributes' names.
        scope_name: The instrumentation scope of spans that do not bring their own.
        scope_version: Version of that.
        on_failed: Told why a span was left out; must not raise.
    """

    def __init__(
        self,
        resource_attributes: Mapping[str, Any],  # Any: whatever the SDK allows as an attribute's value
        resource_schema_url: str = "",
        *,
        scope_name: str = "otelkit",
        scope_version: str = __version__,
        on_failed: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._on_failed = on_failed
        self._frames = Frames()
        self._readable = ReadableWriter(KeyValueWriter(ATTRIBUTES))

    def encode(self, spans: Sequence[ReadableSpan]) -> Encoded:
        """Return a request with ``spans``, grouped by resource and scope in the order in which these first appear.

        It decodes to the same message as what the stock encoder writes, with these exceptions, most of which cost the stock
        encoder the whole batch: text that is no UTF-8 has U+FFFD where a surrogate was; integers of more than 64 bits are text;
        times before 1970 are 0; a name that is no text is written as its ``str``. Attributes that can't be written (a value
        without a type in OTLP, or nested beyond what readers take) are left out, and counted as dropped attributes. Spans that
        can't be written are left out alone.
        """
        groups: Groups = {}
        failed = 0
        for span in spans:
            try:
                written = self._readable.write(span)
                frame = self._frames.of_resource(span.resource)
                scope = self._frames.of_scope(span.instrumentation_scope)
            except Exception as error:  # noqa: BLE001 - a span may be of a stranger's class; the others must still leave
                failed += 1
                self._on_failed(error)
            else:
                groups.setdefault(frame, {}).setdefault(scope, []).extend((_SPAN, varint(len(written)), written))
        return Encoded(request(groups), len(spans) - failed, failed)
