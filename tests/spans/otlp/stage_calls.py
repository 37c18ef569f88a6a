"""Ended stage calls, made by hypothesis and by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from otelkit import names
from otelkit._guard import Barrier
from otelkit.model.calls import Stage, StageKind, StageSeries
from otelkit.spans.light_span import LightSpan
from otelkit.spans.light_spans import LightSpans
from otelkit.spans.otlp.request import SpanEncoder
from otelkit.testing import CountingIds, FakeClock
from tests.otlp.generated import integers, texts

RESOURCE = Resource({"service.name": "test", "process.pid": 7})
SCOPE = InstrumentationScope("otelkit", "1.2")
SERIES = (
    StageSeries(Stage("parse", StageKind.FUNCTION, function="steps.parse"), "demo"),
    StageSeries(Stage("read", StageKind.GENERATOR, attributes={"codec": "flac", "rates": [1, 2]}), "demo"),
    StageSeries(Stage("", StageKind.BLOCK, attributes={"big": 1 << 40, "text": "x" * 300}), "other"),
    StageSeries(Stage("clash", StageKind.BLOCK, attributes={names.STAGE_OUTCOME: "mine"}), "demo"),
    StageSeries(
        Stage("shadows", StageKind.BLOCK, attributes={names.ITEM_ID: "mine", names.STAGE_NAME: "mine"}), "demo"
    ),
)
LIMITS = (
    SpanLimits(),
    SpanLimits(max_span_attributes=5, max_events=1, max_links=1, max_event_attributes=1),
    SpanLimits(max_span_attributes=14),
    SpanLimits(max_attribute_length=3),
    SpanLimits(max_span_attributes=0),
)
CLOCK_NS = 1_700_000_000_000_000_000

keys = st.sampled_from(["a", "codec", names.STAGE_NAME, names.ITEM_ID, names.ITEMS_OK, names.ARGUMENT_PREFIX + "x"])
scalars = texts | integers | st.booleans() | st.floats()
set_values = scalars | st.lists(integers, max_size=2) | st.tuples(texts)
described = st.lists(
    st.tuples(st.sampled_from(["x", "x.length", "y"]).map(lambda name: names.ARGUMENT_PREFIX + name), set_values),
    max_size=4,
    unique_by=lambda pair: pair[0],
)
parents = st.none() | st.builds(
    SpanContext,
    st.integers(1, (1 << 128) - 1),
    st.integers(1, (1 << 64) - 1),
    st.booleans(),
    st.just(TraceFlags(1)),
    st.sampled_from([TraceState(), TraceState([("ot", "th:8"), ("vendor", "1")])]),
)
errors = st.sampled_from([None, None, ValueError("wrong"), KeyError(), asyncio.CancelledError(), SystemExit(3)])


def opener(limits: SpanLimits | None = None, clock: FakeClock | None = None) -> LightSpans:
    """Return what opens calls: all sampled, below whatever the context holds."""
    return LightSpans(
        ended=lambda call: None,
        faults=Barrier("test"),
        resource=lambda: RESOURCE,
        scope=SCOPE,
        sampler=ALWAYS_ON,
        id_generator=CountingIds(),
        limits=limits,
        clock=clock or FakeClock(CLOCK_NS),
    )


def encoder(on_failed: Callable[[Exception], None] = lambda error: None) -> SpanEncoder:
    """Return an encoder of the process that `opener`'s spans are from."""
    return SpanEncoder(RESOURCE.attributes, scope_name="otelkit", scope_version="1.2", on_failed=on_failed)


def call(do: Callable[[LightSpan], Any] = lambda call: None, **opened: Any) -> LightSpan:
    """Return one ended call of a stage, to which ``do`` has happened; ``opened``: see `opener`."""
    made = opener(**opened).open(SERIES[0], Context(), None)
    do(made)
    made.close()
    return made


@st.composite
def calls(draw: st.DrawFn) -> list[LightSpan]:
    """Draw some ended calls, one within the other or side by side, by one opener."""
    clock = FakeClock(draw(st.sampled_from([CLOCK_NS, 0])))
    spans = opener(draw(st.sampled_from(LIMITS)), clock)
    parent = draw(parents)
    context = Context() if parent is None else set_span_in_context(NonRecordingSpan(parent), Context())
    made = []
    for _ in range(draw(st.integers(1, 8))):
        span = spans.open(draw(st.sampled_from(SERIES)), context, draw(st.sampled_from([None, "run-1", "run-2"])))
        if draw(st.booleans()):
            context = span.scope
        if draw(st.booleans()):
            span.describe(draw(st.none() | texts), draw(described) or None)
        _live(draw, span, clock)
        clock.advance(draw(st.sampled_from([0, 1e-9, 0.5])))
        made.append(span)
    for span in reversed(made):
        span.close(draw(errors))
    return made


def _live(draw: st.DrawFn, span: LightSpan, clock: FakeClock) -> None:
    if draw(st.booleans()):
        span.set_attributes(draw(st.dictionaries(keys, set_values, max_size=3)))
    if draw(st.booleans()):
        span.queued(draw(st.sampled_from([1, 5_000_000])), draw(st.sampled_from([0, 7_000_000])))
    if draw(st.booleans()):
        span.add_items(*draw(st.tuples(*[st.integers(0, 200)] * 3)))
    for _ in range(draw(st.sampled_from([0, 0, 0, 2]))):
        span.add_event(draw(texts), draw(st.dictionaries(keys, set_values, max_size=2)), CLOCK_NS)
        span.add_link(SpanContext(1, 2, draw(st.booleans())), draw(st.dictionaries(keys, set_values, max_size=2)))
    rare = draw(st.integers(0, 12))
    if rare == 0:
        span.update_name(draw(texts))
    elif rare == 1:
        clock.advance(0.25)
        span.end()
    elif rare == 2:
        span.set_status(Status(StatusCode.ERROR, draw(texts)))
    elif rare == 3:
        span.set_status(StatusCode.OK)
