"""The hand-written decoder against protobuf's own parser, on valid, mutated and random bytes."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelkit.embedded.wire import Decoder
from otelkit.errors import WireError
from otelkit.model.signals import Signal
from tests.embedded.otlp import REQUESTS, any_value, canonical, key_values, read_back

FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

int64 = st.integers(-(1 << 63), (1 << 63) - 1)
uint32 = st.integers(0, (1 << 32) - 1)
enum = st.integers(-2, 30)
times = st.sampled_from([0, 1, 1_700_000_000_000_000_000, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
texts = st.text(max_size=6) | st.sampled_from(["x" * 127, "x" * 128, "é" * 200])
values = st.recursive(
    st.none() | st.booleans() | int64 | st.floats() | texts | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
keys = st.sampled_from(["a", "b", "pipeline.stage.name", "pipeline.item.id"]) | texts
attributes = st.dictionaries(keys, values, max_size=3)
trace_ids = st.binary(min_size=16, max_size=16) | st.sampled_from([b"", bytes(16), b"short"])
span_ids = st.binary(min_size=8, max_size=8) | st.sampled_from([b"", bytes(8), b"short"])


@st.composite
def spans(draw: st.DrawFn) -> Span:
    span = Span(
        trace_id=draw(trace_ids),
        span_id=draw(span_ids),
        parent_span_id=draw(span_ids),
        trace_state=draw(st.sampled_from(["", "ot=th:8", "ot=th:zz,a=b"])),
        name=draw(texts),
        kind=draw(enum),
        start_time_unix_nano=draw(times),
        end_time_unix_nano=draw(times),
        attributes=key_values(draw(attributes)),
        dropped_attributes_count=draw(uint32),
        flags=draw(uint32),
    )
    if draw(st.booleans()):
        span.status.SetInParent()
        span.status.code = draw(enum)
        span.status.message = draw(texts)
    for _ in range(draw(st.integers(0, 2))):
        span.events.add(name=draw(texts), time_unix_nano=draw(times), attributes=key_values(draw(attributes)))
        span.links.add(trace_id=draw(trace_ids), span_id=draw(span_ids), attributes=key_values(draw(attributes)))
    return span


@st.composite
def records(draw: st.DrawFn) -> LogRecord:
    return LogRecord(
        time_unix_nano=draw(times),
        observed_time_unix_nano=draw(times),
        severity_number=draw(enum),
        severity_text=draw(texts),
        body=any_value(draw(values)),
        attributes=key_values(draw(attributes)),
        flags=draw(uint32),
        trace_id=draw(trace_ids),
        span_id=draw(span_ids),
        event_name=draw(texts),
    )


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    metric = Metric(name=draw(texts), unit=draw(texts), metadata=key_values(draw(attributes)))
    kind = draw(st.sampled_from(["gauge", "sum", "histogram", "exponential_histogram", "summary"]))
    data = getattr(metric, kind)
    if kind not in ("gauge", "summary"):
        data.aggregation_temporality = draw(enum)
    for _ in range(draw(st.integers(0, 2))):
        point = data.data_points.add(time_unix_nano=draw(times), attributes=key_values(draw(attributes)))
        if kind in ("gauge", "sum"):
            if draw(st.booleans()):
                point.as_int = draw(int64)
            else:
                point.as_double = draw(st.floats())
        else:
            point.count = draw(uint32)
        if kind == "histogram":
            point.bucket_counts.extend(draw(st.lists(uint32, max_size=3)))
            point.explicit_bounds.extend(draw(st.lists(st.floats(), max_size=3)))
        if kind == "exponential_histogram":
            point.scale = draw(st.integers(-10, 20))
            point.positive.bucket_counts.extend(draw(st.lists(uint32, max_size=3)))
        if kind == "summary":
            point.quantile_values.add(quantile=0.5, value=draw(st.floats()))
        elif draw(st.booleans()):
            point.exemplars.add(as_double=draw(st.floats()), filtered_attributes=key_values(draw(attributes)))
    return metric


ITEMS: dict[str, tuple[st.SearchStrategy[Any], str, str, str]] = {
    "traces": (spans(), "resource_spans", "scope_spans", "spans"),
    "logs": (records(), "resource_logs", "scope_logs", "log_records"),
    "metrics": (metrics(), "resource_metrics", "scope_metrics", "metrics"),
}
signals = st.sampled_from(["traces", "logs", "metrics"])


@st.composite
def requests(draw: st.DrawFn) -> tuple[Signal, bytes]:
    signal = draw(signals)
    items, resources, scopes, scope_items = ITEMS[signal]
    request = REQUESTS[signal]()
    for _ in range(draw(st.integers(0, 2))):
        resource = getattr(request, resources).add(schema_url=draw(texts))
        resource.resource.attributes.extend(key_values(draw(attributes)))
        for _ in range(draw(st.integers(0, 2))):
            scope = getattr(resource, scopes).add()
            scope.scope.name = draw(texts)
            getattr(scope, scope_items).extend(draw(st.lists(items, max_size=2)))
    return signal, request.SerializeToString()


def assert_same_verdict(signal: Signal, body: bytes) -> None:
    """Check that our decoder refuses a request that protobuf refuses, and otherwise refuses it or reads the same."""
    try:
        expected: Any = canonical(signal, body)
    except DecodeError:
        expected = None
    try:
        batch = Decoder().decode(signal, body)
    except WireError:
        return

    assert expected == (read_back(batch), batch.rejected)


@FUZZ
@given(requests())
def test_valid_requests_decode_as_protobuf_decodes_them(request_of: tuple[Signal, bytes]) -> None:
    """Everything a sender says arrives, whatever it looks like."""
    signal, body = request_of
    batch = Decoder().decode(signal, body)

    assert canonical(signal, body) == (read_back(batch), batch.rejected)
    assert batch.count == len(read_back(batch))


@FUZZ
@given(
    requests(),
    st.lists(
        st.tuples(
            st.sampled_from(["set", "flip", "cut", "delete", "repeat", "insert"]),
            st.floats(0, 1, exclude_max=True),
            st.integers(0, 255),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_damaged_requests_are_refused_or_decode_as_protobuf_decodes_them(
    request_of: tuple[Signal, bytes], damages: list[tuple[str, float, int]]
) -> None:
    """A request that was damaged on its way never crashes the receiver, and is never read as something else."""
    signal, whole = request_of
    body = bytearray(whole)
    for damage, place, byte in damages:
        at = int(place * len(body))
        if damage == "set":
            body[at : at + 1] = bytes((byte,))
        elif damage == "flip" and body:
            body[at] ^= 1 << byte % 8
        elif damage == "cut":
            del body[at:]
        elif damage == "delete":
            del body[at : at + byte % 8 + 1]
        elif damage == "repeat":
            body[at:at] = body[at : at + byte % 32 + 1]
        elif damage == "insert":
            body[at:at] = bytes((byte,))
    assert_same_verdict(signal, bytes(body))


@FUZZ
@given(signals, st.binary(max_size=64))
def test_random_bytes_are_refused_or_decode_as_protobuf_decodes_them(signal: Signal, body: bytes) -> None:
    """Whatever somebody sends to the port, the receiver survives it."""
    assert_same_verdict(signal, body)


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_every_truncation_is_refused_or_decodes_as_protobuf_decodes_it(signal: Signal) -> None:
    """A request that stops anywhere is never taken for a whole one."""
    _, resources, scopes, scope_items = ITEMS[signal]
    request = REQUESTS[signal]()
    resource = getattr(request, resources).add()
    resource.resource.attributes.extend(key_values({"service.name": "s", "list": [1, "two", 3.0]}))
    scope = getattr(resource, scopes).add()
    item = getattr(scope, scope_items).add()
    if signal == "traces":
        item.MergeFrom(Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="n", kind=1, start_time_unix_nano=5, flags=257))
        item.events.add(name="e", time_unix_nano=3, attributes=key_values({"k": {"deep": [b"er"]}}))
        item.status.message = "m"
    elif signal == "logs":
        item.MergeFrom(LogRecord(time_unix_nano=5, body=any_value({"a": 1}), severity_text="INFO", event_name="e"))
    else:
        item.name = "m"
        point = item.exponential_histogram.data_points.add(time_unix_nano=1, count=300, scale=-2)
        point.positive.bucket_counts.extend([1, 300])
        point.exemplars.add(as_int=1)
    body = request.SerializeToString()

    for size in range(len(body) + 1):
        assert_same_verdict(signal, body[:size])
