from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from opentelemetry.context import Context
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import SpanLimits

from otelkit import names
from otelkit.model.calls import Stage, StageKind, StageSeries
from otelkit.spans.light_span import LightSpan
from otelkit.spans.otlp import light
from otelkit.testing import FakeClock
from tests.otlp.generated import GENEROUSLY
from tests.spans.otlp.generated import decoded, same
from tests.spans.otlp.stage_calls import SERIES, call, calls, encoder, opener


def only_span(span: LightSpan) -> Span:
    """Return what a receiver reads of one stage span."""
    (resource,) = decoded(encoder().encode([span]).body).resource_spans
    return resource.scope_spans[0].spans[0]


@pytest.mark.sdk
@given(calls())
@GENEROUSLY
def test_stage_spans_are_written_as_by_the_stock_encoder(spans: list[LightSpan]) -> None:
    """Whatever happens to a call, its span decodes to what the stock encoder makes of the SDK's form of it."""
    writer = encoder()
    expected = [span.readable() for span in spans]

    first, again = writer.encode(spans), writer.encode(spans)

    assert (first.written, first.left_out) == (len(spans), 0)
    assert same(first.body, expected)
    assert again == first


def test_most_spans_need_no_form_of_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items, arguments, attributes, counts, waits, failures and links are written without a span of the SDK being made."""
    monkeypatch.setattr(LightSpan, "readable", lambda span: pytest.fail("made a span of the SDK"))
    spans = opener()

    def happen(span: LightSpan) -> None:
        span.describe("item", [("pipeline.argument.x", 1)])
        span.set_attribute("a", 1)
        span.add_items(3, 1)
        span.queued(5_000_000)
        span.add_link(span.get_span_context())

    made = [spans.open(SERIES[0], Context(), "run") for _ in range(2)]
    happen(made[0])
    made[0].close(ValueError("wrong"))
    made[1].close()

    assert encoder().encode(made).written == 2


def test_a_start_before_1970_costs_no_span() -> None:
    """A call that is dated before 1970, by a clock that is not set yet, is written as started in 1970."""
    span = call(clock=FakeClock(-5))

    message = only_span(span)

    assert (message.start_time_unix_nano, message.name) == (0, "parse")


def test_an_item_that_is_no_utf8_is_repaired() -> None:
    """A file whose name is no UTF-8 is an item all the same."""
    span = call(lambda call: call.describe("file-\udcff", None))

    values = {each.key: each.value.string_value for each in only_span(span).attributes}

    assert values[names.ITEM_ID] == "file-\ufffd"


def test_what_a_describer_should_not_have_said_is_what_the_sdk_makes_of_it() -> None:
    """A stranger's describer that returns an object costs neither the span nor the other attributes."""

    class Odd:
        def __str__(self) -> str:
            return "odd"

    unknown: Any = Odd()
    span = call(lambda call: call.describe("item", [("pipeline.argument.x", unknown), ("pipeline.argument.y", 2)]))

    assert same(encoder().encode([span]).body, [span.readable()])


def test_a_span_with_an_impossible_id_costs_no_other() -> None:
    """An id generator of the user's that makes ids of 65 bits loses those spans only, counted and told."""
    told: list[Exception] = []
    good, bad, late = call(), call(), call()
    bad.span_id = 1 << 64

    encoded = encoder(told.append).encode([good, bad, late])

    assert (encoded.written, encoded.left_out, len(told)) == (2, 1, 1)
    assert same(encoded.body, [good.readable(), late.readable()])


def test_a_trace_with_an_impossible_id_costs_no_other() -> None:
    """The same for the trace's id, on which the spans after it must not lean."""
    spans = [call() for _ in range(4)]
    spans[1].trace.trace_id = spans[2].trace.trace_id = 1 << 128

    encoded = encoder().encode(spans)

    assert encoded.left_out == 2
    assert same(encoded.body, [spans[0].readable(), spans[3].readable()])


def test_runs_that_alternate_are_not_mistaken() -> None:
    """Calls of one stage in several runs at once carry each its own run's id."""
    spans, writer = opener(), encoder()
    made = [spans.open(SERIES[0], Context(), f"run-{number % 3}") for number in range(12)]
    for span in made:
        span.close()

    assert same(writer.encode(made).body, [span.readable() for span in made])


def test_stages_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that makes a stage per call has its spans written, and only the last stages remembered."""
    monkeypatch.setattr(light, "MAX_FORMS", 8)
    spans, writer = opener(), encoder()
    made = []
    for number in range(100):
        made.append(spans.open(StageSeries(Stage(f"s{number}", StageKind.BLOCK), "demo"), Context(), None))
        made[-1].close()

    assert same(writer.encode(made).body, [span.readable() for span in made])
    assert len(writer._light._by_run) <= 8
    assert len(writer._light._forms) <= 8


def test_attributes_that_were_dropped_are_counted() -> None:
    """Attributes that the span did not keep are counted, also where those that it kept are few."""
    span = call(lambda call: call.set_attribute("a", 1))
    span.extra().dropped_attributes = 3

    assert only_span(span).dropped_attributes_count == 3


def test_many_arguments_stay_within_the_limit_of_attributes() -> None:
    """A call with more attributes than the SDK allows has as many as the SDK leaves it, and counts the others."""
    described: Any = [(f"pipeline.argument.x{number}", number) for number in range(150)]
    span = call(lambda call: call.describe("item", described), limits=SpanLimits())

    message = only_span(span)

    assert len(message.attributes) == 128
    assert message.dropped_attributes_count == span.readable().dropped_attributes > 0
    assert same(encoder().encode([span]).body, [span.readable()])
