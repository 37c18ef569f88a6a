"""The spans of stage calls."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import INVALID_SPAN, SpanKind, StatusCode

from otelkit.model.calls import Stage, StageKind
from otelkit.model.spans import StageSpans
from otelkit.spans.stage_spans import SdkStageSpans

pytestmark = pytest.mark.sdk

PARSE = Stage("parse", StageKind.FUNCTION, function="app.steps.parse", attributes={"team": "x"})


class Watching(Sampler):
    """Keeps everything and remembers the attributes it saw."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def should_sample(self, parent_context: Any, trace_id: Any, name: Any, kind: Any = None, attributes: Any = None,
                      links: Any = None, *more: Any) -> SamplingResult:  # fmt: skip
        self.seen = dict(attributes)
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self) -> str:
        return "watching"


def test_a_stage_span_says_who_it_is_and_the_sampler_sees_it() -> None:
    """Name, pipeline, kind, function and the stage's own attributes."""
    sampler = Watching()
    spans: StageSpans = SdkStageSpans(TracerProvider(sampler, shutdown_on_exit=False).get_tracer("t"))
    span = spans.start(PARSE, "nightly", None)

    expected = {
        "pipeline.name": "nightly",
        "pipeline.stage.name": "parse",
        "pipeline.stage.kind": "function",
        "code.function.name": "app.steps.parse",
        "team": "x",
    }
    assert isinstance(span, ReadableSpan)
    assert (span.name, span.kind, dict(span.attributes or {})) == ("parse", SpanKind.INTERNAL, expected)
    assert sampler.seen == expected


def test_the_parent_is_what_is_current_in_the_context_given() -> None:
    """Not in the caller's own context, unless none is given."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    spans = SdkStageSpans(tracer)
    elsewhere = tracer.start_span("elsewhere")
    context = trace.set_span_in_context(elsewhere, Context())
    with tracer.start_as_current_span("here") as here:
        in_context = spans.start(PARSE, "p", context)
        in_current = spans.start(PARSE, "p", None)
        at_root = spans.start(PARSE, "p", trace.set_span_in_context(INVALID_SPAN, Context()))

    parents = [
        span.parent.span_id if span.parent else None
        for span in (in_context, in_current, at_root)
        if isinstance(span, ReadableSpan)
    ]
    assert parents == [elsewhere.get_span_context().span_id, here.get_span_context().span_id, None]


def test_starting_makes_nothing_current_and_judges_nothing() -> None:
    """The stages make it current, set its status and record exceptions by outcome."""
    spans = SdkStageSpans(TracerProvider(shutdown_on_exit=False).get_tracer("t"))
    span = spans.start(PARSE, "p", None)

    assert trace.get_current_span() is not span
    with (
        pytest.raises(ValueError, match="x"),
        trace.use_span(span, record_exception=False, set_status_on_exception=False),
    ):
        raise ValueError("x")
    span.end()
    assert isinstance(span, ReadableSpan)
    assert (span.status.status_code, span.events) == (StatusCode.UNSET, ())
