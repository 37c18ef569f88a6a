from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Link, SpanContext, TraceFlags, TraceState

from otelkit._otlp.key_values import KeyValueWriter
from otelkit.spans.otlp.extras import ExtrasWriter
from otelkit.spans.otlp.readable import ATTRIBUTES, ReadableWriter
from otelkit.spans.otlp.request import SpanEncoder
from otelkit.spans.rebuild import rebuild
from tests.otlp.generated import GENEROUSLY
from tests.spans.made import spans as made
from tests.spans.otlp.generated import same, spans


def made_up_context(trace_id: int, span_id: int) -> SpanContext:
    """Return a context as a stranger's implementation of the API might make it; the API's own keeps no ids so long."""
    return tuple.__new__(SpanContext, (trace_id, span_id, False, TraceFlags(1), TraceState(), True))


@pytest.fixture
def writer() -> ReadableWriter:
    return ReadableWriter(KeyValueWriter(ATTRIBUTES), ExtrasWriter())


@pytest.mark.sdk
@given(spans)
@GENEROUSLY
def test_a_span_is_written_as_by_the_stock_encoder(span: ReadableSpan) -> None:
    """Ids, names, times, attributes, events, links, status and flags decode to what the stock encoder makes of them."""
    assert same(SpanEncoder({}).encode([span]).body, [span])


@pytest.mark.sdk
def test_what_limits_dropped_is_counted_as_by_the_stock_encoder() -> None:
    """Attributes, events and links beyond the SDK's limits are counted, on the span and on events and links."""
    limits = SpanLimits(max_attributes=2, max_events=1, max_links=1, max_event_attributes=1, max_link_attributes=1)
    provider = TracerProvider(shutdown_on_exit=False, span_limits=limits)
    link = Link(INVALID_SPAN_CONTEXT, {"a": 1, "b": 2})
    span = provider.get_tracer("test").start_span("span", links=[link, link], attributes={"a": 1, "b": 2, "c": 3})
    span.add_event("one", {"a": 1, "b": 2})
    span.add_event("two", {"a": 1, "b": 2, "c": 3})
    span.end()
    assert isinstance(span, ReadableSpan)

    assert (span.dropped_attributes, span.dropped_events, span.dropped_links) == (1, 1, 1)
    assert same(SpanEncoder({}).encode([span]).body, [span])
    assert same(SpanEncoder({}).encode([rebuild(span, name="other")]).body, [rebuild(span, name="other")])


def test_attributes_that_could_not_be_written_are_counted_as_dropped(writer: ReadableWriter) -> None:
    """A reader sees on the span, the event and the link that something is missing; the stock encoder says nothing."""
    unknown: Any = {"known": 1, "unknown": object()}
    context = SpanContext(1, 2, is_remote=False)
    span = ReadableSpan(
        "span", context, attributes=unknown, events=[Event("event", unknown)], links=[Link(context, unknown)]
    )

    message = Span.FromString(writer.write(span))

    assert message.dropped_attributes_count == 1
    assert message.events[0].dropped_attributes_count == 1
    assert message.links[0].dropped_attributes_count == 1


def test_a_name_or_description_that_is_no_utf8_is_repaired(writer: ReadableWriter) -> None:
    """A span named after a file whose name is no UTF-8 is written; with the stock encoder its batch is lost."""
    (span,) = made(1)

    message = Span.FromString(writer.write(rebuild(span, name="bad\udcff", events=[Event("e\udcff")])))

    assert (message.name, message.events[0].name) == ("bad\ufffd", "e\ufffd")


def test_times_that_cannot_be_written_cost_no_span(writer: ReadableWriter) -> None:
    """A wall clock before 1970, or a start given in fractions, leaves the span there."""
    span = ReadableSpan("span", SpanContext(1, 2, is_remote=False), start_time=-1, end_time=1.7e18)  # type: ignore[arg-type] # as some users do

    message = Span.FromString(writer.write(span))

    assert (message.start_time_unix_nano, message.end_time_unix_nano) == (0, 1_700_000_000_000_000_000)


@pytest.mark.parametrize("context", [None, made_up_context(1 << 128, 1), made_up_context(1, 1 << 64)])
def test_a_span_without_ids_is_refused(writer: ReadableWriter, context: SpanContext | None) -> None:
    """No ids, or ids that are too long, can't be written as anything true."""
    with pytest.raises((ValueError, OverflowError)):
        writer.write(ReadableSpan("span", context))
