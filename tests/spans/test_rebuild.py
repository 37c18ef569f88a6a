"""Changed copies of spans."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from otelkit.spans.rebuild import rebuild

pytestmark = pytest.mark.sdk


def rich_span() -> ReadableSpan:
    """A child span that uses every field, and whose limits have dropped some of each kind."""
    provider = TracerProvider(
        resource=Resource({"service.name": "shop"}),
        span_limits=SpanLimits(max_span_attributes=2, max_events=1, max_links=1),
        shutdown_on_exit=False,
    )
    tracer = provider.get_tracer("scope", "1.2", "https://example.org/schema")
    link = Link(SpanContext(1, 2, True, TraceFlags(1), TraceState([("ot", "th:8")])), {"a": 1})
    with tracer.start_as_current_span("parent"):
        span = tracer.start_span("child", kind=SpanKind.PRODUCER, links=[link, link], attributes={"x": 1, "y": "z"})
        span.set_attribute("one", "too many")
        span.add_event("first", {"k": "v"})
        span.add_event("second", {"k": "v"})
        span.set_status(Status(StatusCode.ERROR, "broken"))
        span.end()
    assert isinstance(span, ReadableSpan)
    return span


def test_an_unchanged_copy_is_the_same_on_the_wire() -> None:
    """Every field survives, the counts of what limits had dropped included."""
    span = rich_span()

    assert encode_spans([rebuild(span)]) == encode_spans([span])
    assert (span.dropped_attributes, span.dropped_events, span.dropped_links) == (1, 1, 1)


def test_each_field_that_is_named_is_changed_and_no_other() -> None:
    """A copy differs in exactly what was asked for."""
    span = rich_span()
    context = SpanContext(5, 6, False, TraceFlags(1))
    copy = rebuild(
        span,
        name="new",
        attributes={"k": True},
        events=[Event("e", {}, 7)],
        links=[],
        status=Status(StatusCode.OK),
        resource=Resource({"service.name": "other"}),
        context=context,
    )

    assert copy.name == "new"
    assert dict(copy.attributes or {}) == {"k": True}
    assert [event.name for event in copy.events] == ["e"]
    assert copy.links == ()
    assert copy.status.status_code is StatusCode.OK
    assert copy.resource.attributes["service.name"] == "other"
    assert copy.context is context
    assert (copy.parent, copy.kind) == (span.parent, span.kind)
    assert (copy.start_time, copy.end_time) == (span.start_time, span.end_time)
    assert copy.instrumentation_scope == span.instrumentation_scope


def test_the_original_stays_as_it_is() -> None:
    """Other processors of the provider still see the span they were given."""
    span = rich_span()
    before = span.to_json()
    rebuild(span, name="new", attributes={})

    assert span.to_json() == before


def test_a_copy_of_a_copy_remembers_too() -> None:
    """Several steps may change a span one after the other."""
    copy = rebuild(rebuild(rich_span(), name="new"), attributes={"k": 1})

    assert (copy.name, copy.dropped_attributes, copy.dropped_events) == ("new", 1, 1)
