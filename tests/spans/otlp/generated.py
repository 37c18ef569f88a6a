"""Spans of the SDK, made by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

GENEROUSLY = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

texts = st.text(max_size=6) | st.sampled_from(["x" * 60, "x" * 127, "x" * 128, "é" * 200, "x" * 20_000])
integers = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-3, 300) | st.sampled_from([0x7F, 0x80, 0x7FF, 0x800])
values = st.recursive(
    st.none() | st.booleans() | integers | st.floats() | texts | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["a", "b", "pipeline.stage.name", "k" * 200]) | texts.filter(bool)
mappings: st.SearchStrategy[dict[str, Any]] = st.dictionaries(keys, values, max_size=5)
attributes = (
    mappings
    | st.none()
    | mappings.map(MappingProxyType)
    | mappings.map(lambda mapping: BoundedAttributes(3, mapping, max_value_len=100))
)
times = st.none() | st.integers(0, (1 << 64) - 1) | st.just(1_700_000_000_000_000_000)
states = st.sampled_from([None, TraceState(), TraceState([("ot", "th:8"), ("vendor", "1")])])
contexts = st.builds(
    SpanContext,
    st.integers(0, (1 << 128) - 1),
    st.integers(0, (1 << 64) - 1),
    st.booleans(),
    st.sampled_from([TraceFlags(0), TraceFlags(1), TraceFlags(3)]),
    states,
)
events = st.builds(Event, texts, attributes, times)
links = st.builds(Link, contexts, attributes)
statuses = st.builds(Status, st.just(StatusCode.ERROR), texts | st.none()) | st.sampled_from(
    [None, Status(), Status(StatusCode.OK)]
)
resources = st.sampled_from(
    [
        Resource({"service.name": "one", "host": ["a", "b"]}),
        Resource({"service.name": "two", "process.pid": 12}, "https://example.org/schema"),
        Resource({"service.name": "two", "process.pid": 12}, "https://example.org/schema"),
        Resource.get_empty(),
    ]
)
scopes = st.sampled_from(
    [
        None,
        InstrumentationScope("one"),
        InstrumentationScope("one"),
        InstrumentationScope("two", "1.0", "https://example.org/two", {"a": 1}),
    ]
)
spans = st.builds(
    ReadableSpan,
    texts,
    contexts,
    st.none() | contexts,
    resources,
    attributes,
    st.lists(events, max_size=2),
    st.lists(links, max_size=2),
    st.sampled_from(list(SpanKind)),
    status=statuses,
    start_time=times,
    end_time=times,
    instrumentation_scope=scopes,
)

plain_spans = st.builds(
    ReadableSpan, texts, st.just(SpanContext(1, 2, is_remote=False)), resource=resources, instrumentation_scope=scopes
)
"""Spans that differ only in where they are from."""


def decoded(body: bytes) -> ExportTraceServiceRequest:
    """Return the message in ``body``."""
    return ExportTraceServiceRequest.FromString(body)


def same(body: bytes, spans: Sequence[ReadableSpan]) -> bool:
    """Return whether ``body`` decodes to what the stock encoder makes of ``spans``."""
    # As bytes: messages with a NaN in them are equal to nothing.
    return decoded(body).SerializeToString(deterministic=True) == encode_spans(spans).SerializeToString(
        deterministic=True
    )
