"""OTLP requests for tests: made with the official protobuf classes, and compared with what our decoder made of them."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otelkit.embedded.store.export import metric_message, point_message
from otelkit.embedded.store.rebuild import log_message, span_message
from otelkit.embedded.wire import Batch
from otelkit.model.signals import Signal

REQUESTS = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}
MAX_TIME_NS = (1 << 63) - 1


def any_value(value: Any) -> AnyValue:
    """Return a Python value as an `AnyValue`."""
    out = AnyValue()
    match value:
        case bool():
            out.bool_value = value
        case str():
            out.string_value = value
        case int():
            out.int_value = value
        case float():
            out.double_value = value
        case bytes():
            out.bytes_value = value
        case list() | tuple():
            out.array_value.SetInParent()
            out.array_value.values.extend(any_value(part) for part in value)
        case dict():
            out.kvlist_value.SetInParent()
            out.kvlist_value.values.extend(key_values(value))
    return out


def key_values(attributes: dict[str, Any]) -> list[KeyValue]:
    """Return attributes as `KeyValue`s."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def canonical(signal: Signal, body: bytes) -> tuple[list[bytes], int]:
    """Return what the official classes read in ``body``, item by item, and how many items are invalid.

    Raises:
        google.protobuf.message.DecodeError: It is malformed.
    """
    request = REQUESTS[signal]()
    request.ParseFromString(body)
    items: list[bytes] = []
    rejected = 0
    if signal == "traces":
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    if _is_valid(span):
                        items.append(_span(span))
                    else:
                        rejected += 1
    elif signal == "logs":
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    if (record.time_unix_nano or record.observed_time_unix_nano) <= MAX_TIME_NS:
                        items.append(_log(record))
                    else:
                        rejected += 1
    else:
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for single in _one_by_one(metric):
                        (point,) = _points(single)
                        if point.time_unix_nano <= MAX_TIME_NS:
                            items.append(_metric(single))
                        else:
                            rejected += 1
    return items, rejected


def read_back(batch: Batch) -> list[bytes]:
    """Return a decoded batch in the form that `canonical` returns."""
    items: list[bytes] = []
    for group in batch.groups:
        for row in group.rows:
            if batch.signal == "traces":
                trace, span, parent, name, kind, start, end, status, flags, shared, own, _, rest, _ = row
                bits = flags * 4 + (status if status in (0, 1, 2) else 0)
                facts = (trace, span, parent, name, kind, start, end - start, bits)
                raws = [*(attribute.raw for attribute in shared), *own]
                items.append(_span(Span.FromString(span_message(facts, raws, rest))))
            elif batch.signal == "logs":
                trace, span, time_ns, severity, text, body, shared, own, _, rest = row
                raws = [*(attribute.raw for attribute in shared), *own]
                facts = (trace, span, time_ns, severity, text, body)
                items.append(_log(LogRecord.FromString(log_message(facts, raws, rest))))
            else:
                metric, attributes, time_ns, value, rest = row
                number = value if metric.data in (5, 7) else None
                point = point_message(metric.data, attributes, time_ns, number, rest)
                items.append(_metric(Metric.FromString(metric_message(metric, [point]))))
    return items


def _is_valid(span: Span) -> bool:
    return (
        len(span.trace_id) == 16
        and any(span.trace_id)
        and len(span.span_id) == 8
        and any(span.span_id)
        and len(span.parent_span_id) in (0, 8)
        and span.start_time_unix_nano <= MAX_TIME_NS
        and span.end_time_unix_nano <= MAX_TIME_NS
    )


def _span(span: Span) -> bytes:
    if span.status == Status():
        span.ClearField("status")
    return _settled(span)


def _log(record: LogRecord) -> bytes:
    if record.HasField("body") and not record.body.WhichOneof("value"):
        record.ClearField("body")
    record.time_unix_nano = record.time_unix_nano or record.observed_time_unix_nano
    if len(record.trace_id) != 16 or not any(record.trace_id):
        record.ClearField("trace_id")
    if len(record.span_id) != 8 or not any(record.span_id):
        record.ClearField("span_id")
    return _settled(record)


def _metric(metric: Metric) -> bytes:
    (point,) = _points(metric)
    in_order = sorted(point.attributes, key=lambda attribute: attribute.SerializeToString(deterministic=True))
    del point.attributes[:]
    point.attributes.extend(in_order)
    metric.DiscardUnknownFields()
    return bytes(metric.SerializeToString(deterministic=True))


def _settled(item: Span | LogRecord) -> bytes:
    in_order = sorted(item.attributes, key=lambda attribute: attribute.SerializeToString(deterministic=True))
    del item.attributes[:]
    item.attributes.extend(in_order)
    item.DiscardUnknownFields()
    return bytes(item.SerializeToString(deterministic=True))


def _points(metric: Metric) -> Any:
    case = metric.WhichOneof("data")
    return getattr(metric, case).data_points if case else []


def _one_by_one(metric: Metric) -> list[Metric]:
    singles = []
    for index in range(len(_points(metric))):
        single = Metric()
        single.CopyFrom(metric)
        point = single.__class__.FromString(metric.SerializeToString())
        points = _points(single)
        del points[:]
        points.append(_points(point)[index])
        singles.append(single)
    return singles
