"""Spans of the SDK, made by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from tests.otlp.generated import attributes, resources, scopes, texts, times

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
