"""OTLP/JSON to protobuf and back.

OTLP's JSON is protobuf's, except that trace and span ids are hexadecimal and enums are numbers. The official classes do the
rest, and are imported only when somebody speaks JSON.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from otelkit.errors import WireError
from otelkit.model.signals import Signal

_MAX_DEPTH: Final = 100
_ITEMS: Final[dict[Signal, tuple[str, str, str]]] = {
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
}
_IDS: Final = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def to_protobuf(signal: Signal, body: bytes) -> bytes:
    """Return an OTLP/JSON request as protobuf.

    Ids are hexadecimal in either case, 64-bit integers text or numbers, enums numbers or names; unknown fields are ignored.

    Raises:
        WireError: It is no JSON, or not of the form that the protocol asks for.
    """
    from google.protobuf.json_format import ParseDict, ParseError  # type: ignore[import-untyped]  # has no hints

    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"it is not JSON ({error})") from error
    if not isinstance(request, dict):
        raise _malformed(f"it is {type(request).__name__}, not an object")
    message = _message(signal)
    try:
        for holder in _holders(signal, request):
            _convert(holder, _to_base64)
        ParseDict(request, message, ignore_unknown_fields=True, max_recursion_depth=_MAX_DEPTH)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _malformed(str(error)) from error
    return bytes(message.SerializeToString())


def from_protobuf(signal: Signal, body: bytes) -> dict[str, Any]:
    """Return a request in protobuf as an OTLP/JSON object."""
    from google.protobuf.json_format import MessageToDict

    message = _message(signal)
    message.ParseFromString(body)
    request: dict[str, Any] = MessageToDict(message, use_integers_for_enums=True)
    for holder in _holders(signal, request):
        _convert(holder, _to_hex)
    return request


def _message(signal: Signal) -> Any:  # Any: one of three generated classes without type hints
    if signal == "traces":
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        return ExportTraceServiceRequest()
    if signal == "metrics":
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        return ExportMetricsServiceRequest()
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    return ExportLogsServiceRequest()


def _holders(signal: Signal, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects that have ids: spans, links, log records, exemplars."""
    resources, scopes, items = _ITEMS[signal]
    for resource in _objects(request, resources):
        for scope in _objects(resource, scopes):
            for item in _objects(scope, items):
                if signal == "metrics":
                    for data in item.values():
                        if isinstance(data, dict):
                            for point in _objects(data, "dataPoints"):
                                yield from _objects(point, "exemplars")
                else:
                    yield item
                    yield from _objects(item, "links")


def _objects(holder: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    for part in holder.get(key) or ():
        if isinstance(part, dict):
            yield part


def _convert(holder: dict[str, Any], convert: Callable[[str, str, int], str]) -> None:
    for key, size in _IDS.items():
        value = holder.get(key)
        if isinstance(value, str) and value:
            holder[key] = convert(key, value, size)


def _to_base64(key: str, value: str, size: int) -> str:
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        raise ValueError(f"{key} is {value[:40]!r}, not hexadecimal") from None
    return base64.b64encode(raw).decode()


def _to_hex(key: str, value: str, size: int) -> str:
    return base64.b64decode(value).hex()


def _malformed(what: str) -> WireError:
    return WireError(
        f"the request is malformed: {what}; expected an OTLP request in JSON. Check the sender's Content-Type and body."
    )
