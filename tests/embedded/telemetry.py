"""Telemetry for tests of the store, said in a few words."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from otelkit.embedded.store import Store
from otelkit.embedded.wire import Batch, Decoder
from tests.embedded.otlp import any_value, key_values

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
RESOURCE = {"service.name": "app", "pipeline.run.id": "run-1"}
_numbers = itertools.count(1)


@dataclass
class ManualClock:
    """A wall clock that stands still until it is moved."""

    time_ns: int = START_NS

    def now_ns(self) -> int:
        return self.time_ns

    def monotonic_ns(self) -> int:
        return self.time_ns

    def advance(self, seconds: float) -> None:
        self.time_ns += int(seconds * 1e9)


@dataclass
class SpanOf:
    """A span; what is not given is made up. ``at_s`` and ``lasts_s`` count from `START_NS`."""

    name: str = "work"
    at_s: float = 0.0
    lasts_s: float = 0.1
    attributes: dict[str, Any] = field(default_factory=dict)
    trace: int | None = None
    parent: int | None = None
    number: int = field(default_factory=lambda: next(_numbers))
    error: str | None = None
    """The message of the exception that left it."""
    trace_state: str = ""

    @property
    def trace_id(self) -> bytes:
        return (self.trace or self.number).to_bytes(16, "big")


def stage(name: str, at_s: float = 0.0, lasts_s: float = 0.1, item: str | None = None, **more: Any) -> SpanOf:
    """Return the span of a stage call."""
    attributes = {"pipeline.name": "p", "pipeline.stage.name": name} | more.pop("attributes", {})
    if item is not None:
        attributes["pipeline.item.id"] = item
    return SpanOf(name, at_s, lasts_s, attributes, **more)


def spans_request(spans: Iterable[SpanOf], resource: dict[str, Any] | None = None) -> bytes:
    """Return a request of spans."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(key_values(RESOURCE if resource is None else resource))
    scope = group.scope_spans.add()
    scope.scope.name = "tests"
    for span in spans:
        start = START_NS + round(span.at_s * 1e9)
        out = scope.spans.add(
            trace_id=span.trace_id,
            span_id=span.number.to_bytes(8, "big"),
            parent_span_id=span.parent.to_bytes(8, "big") if span.parent else b"",
            name=span.name,
            kind=1,
            start_time_unix_nano=start,
            end_time_unix_nano=start + round(span.lasts_s * 1e9),
            attributes=key_values(span.attributes),
            trace_state=span.trace_state,
            flags=0x101,
        )
        if span.error is not None:
            out.status.code = Status.STATUS_CODE_ERROR
            out.status.message = f"ValueError: {span.error}"
            out.attributes.extend(key_values({"error.type": "ValueError"}))
            out.events.add(
                name="exception",
                time_unix_nano=start,
                attributes=key_values({"exception.type": "ValueError", "exception.message": span.error}),
            )
    return bytes(request.SerializeToString())


def spans(*given: SpanOf, resource: dict[str, Any] | None = None) -> Batch:
    """Return spans as a decoded batch."""
    return Decoder().decode("traces", spans_request(given, resource))


def log(
    body: Any = "hello",
    at_s: float = 0.0,
    span: SpanOf | None = None,
    attributes: dict[str, Any] | None = None,
    resource: dict[str, Any] | None = None,
    severity: int = 9,
    event: str = "",
) -> Batch:
    """Return one log record as a decoded batch."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(key_values(RESOURCE if resource is None else resource))
    group.scope_logs.add().log_records.add(
        time_unix_nano=START_NS + round(at_s * 1e9),
        severity_number=severity,
        body=any_value(body),
        attributes=key_values(attributes or {}),
        trace_id=span.trace_id if span else b"",
        span_id=span.number.to_bytes(8, "big") if span else b"",
        event_name=event,
    )
    return Decoder().decode("logs", request.SerializeToString())


def number(
    name: str,
    value: float,
    at_s: float = 0.0,
    attributes: dict[str, Any] | None = None,
    resource: dict[str, Any] | None = None,
    temporality: int | None = None,
) -> Batch:
    """Return one point as a decoded batch: of a gauge, or of a sum if it has a temporality (1 delta, 2 cumulative)."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(key_values(RESOURCE if resource is None else resource))
    metric = group.scope_metrics.add().metrics.add(name=name, unit="1")
    data = metric.gauge if temporality is None else metric.sum
    if temporality is not None:
        data.aggregation_temporality = temporality
    point = data.data_points.add(time_unix_nano=START_NS + round(at_s * 1e9), attributes=key_values(attributes or {}))
    if isinstance(value, int):
        point.as_int = value
    else:
        point.as_double = value
    return Decoder().decode("metrics", request.SerializeToString())


def durations(
    stage_name: str,
    seconds: Sequence[float],
    at_s: float = 0.0,
    *,
    error: str | None = None,
    bounds: Sequence[float] = (0.01, 0.1, 1.0, 10.0),
    temporality: int = 2,
    since_s: float | None = None,
    resource: dict[str, Any] | None = None,
) -> Batch:
    """Return the durations of a stage's calls as a decoded histogram point, as metrics send them."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(key_values(RESOURCE if resource is None else resource))
    metric = group.scope_metrics.add().metrics.add(name="pipeline.stage.duration", unit="s")
    metric.histogram.aggregation_temporality = temporality
    labels = {"pipeline.name": "p", "pipeline.stage.name": stage_name} | ({"error.type": error} if error else {})
    point = metric.histogram.data_points.add(
        time_unix_nano=START_NS + round(at_s * 1e9),
        start_time_unix_nano=START_NS + round((at_s if since_s is None else since_s) * 1e9),
        attributes=key_values(labels),
        count=len(seconds),
        sum=sum(seconds),
        min=min(seconds),
        max=max(seconds),
        explicit_bounds=bounds,
        bucket_counts=[0] * (len(bounds) + 1),
    )
    for each in seconds:
        point.bucket_counts[bisect_left(bounds, each)] += 1
    return Decoder().decode("metrics", request.SerializeToString())


def open_store(path: Path, clock: ManualClock | None = None, **limits: Any) -> Store:
    """Return a store with generous limits."""
    return Store.open(path, **({"max_bytes": 1 << 30, "max_age_s": 1e9} | limits), clock=clock or ManualClock())
