"""The recorder: what stages record, in memory."""

from __future__ import annotations

import logging
import re

import pytest
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span

import otelkit
from otelkit import _current, names
from otelkit.model.steps import Phase, SpanStep
from otelkit.spans.rebuild import rebuild
from otelkit.testing import FakeClock, Recorder

_log = logging.getLogger("app")


@otelkit.stage("work")
def work() -> None:
    _log.warning("working")


def test_it_is_installed_in_the_block_only() -> None:
    """Before and after it, stages pass through."""
    recorder = Recorder()
    work()
    with recorder:
        assert _current.runtime is recorder.runtime
        work()
    work()

    assert _current.runtime is None
    assert [span.name for span in recorder.spans] == ["work"]


def test_the_tree_shows_who_is_whose_child(recorder: Recorder) -> None:
    """In the order of their start, however they ended."""
    with otelkit.stage("first"):
        with otelkit.stage("left"):
            work()
        with otelkit.stage("right"):
            pass
    with otelkit.stage("second"):
        pass

    assert recorder.tree() == ["first", "  left", "    work", "  right", "second"]


def test_ids_are_counted_so_that_traces_can_be_compared() -> None:
    """Two recorders see the same ids."""
    seen = []
    for _ in range(2):
        with Recorder() as recorder:
            with otelkit.stage("outer"):
                work()
            seen.append([(span.context.trace_id, span.context.span_id) for span in recorder.spans])

    assert seen == [[(1, 2), (1, 1)]] * 2


def test_spans_of_the_api_are_recorded_whichever_recorder_is_active() -> None:
    """A tracer made once, as modules do, leads to the recorder of the day; outside of any it records nothing."""
    tracer = trace.get_tracer("app")
    for _ in range(2):
        with Recorder() as recorder, otelkit.stage("outer"):
            with tracer.start_as_current_span("query"):
                work()
            tracer.start_span("by hand").end()

        assert recorder.tree() == ["outer", "  query", "    work", "  by hand"]
    assert not tracer.start_span("outside").is_recording()


def test_metrics_and_logs_are_recorded_and_correlated(recorder: Recorder) -> None:
    """One duration, one record with the ids of its span."""
    work()

    (point,) = recorder.points(names.METRIC_STAGE_DURATION)
    (record,) = recorder.logs
    span = recorder.span("work")
    assert point.count == 1
    assert point.attributes == {names.PIPELINE_NAME: "pipeline", names.STAGE_NAME: "work"}
    assert (record.log_record.body, record.log_record.span_id) == ("working", span.context.span_id)
    assert recorder.points("no.such.metric") == []


def test_durations_in_metrics_are_the_clocks(recorder: Recorder) -> None:
    """With a clock that stands still until it is told to move."""
    clock = FakeClock()

    @otelkit.stage("slow")
    def slow() -> None:
        clock.advance(2.5)

    with Recorder(clock=clock) as timed:
        slow()

    (point,) = timed.points(names.METRIC_STAGE_DURATION)
    assert point.value == 2.5


def test_steps_are_passed_as_in_production() -> None:
    """In the order of their phases; what the last one leaves is recorded."""

    class Starting(SpanStep):
        name = "starting"
        phase = Phase.WITNESS

        def on_start(self, span: Span, parent: Context | None) -> None:
            span.set_attribute("trail", "started")

    class Adding(SpanStep):
        name = "adding"

        def __init__(self, phase: Phase) -> None:
            self.phase = phase

        def on_end(self, span: ReadableSpan) -> list[ReadableSpan]:
            trail = f"{(span.attributes or {}).get('trail')} {self.phase.name}"
            return [rebuild(span, attributes={**(span.attributes or {}), "trail": trail})]

    with Recorder(steps=[Adding(Phase.REDACT), Starting(), Adding(Phase.ENRICH)]) as recorder:
        work()

    assert (recorder.span("work").attributes or {})["trail"] == "started ENRICH REDACT"


def test_asking_for_the_one_span_says_what_there_is(recorder: Recorder) -> None:
    """When there is none of that name, or more."""
    work()
    work()

    with pytest.raises(AssertionError, match=re.escape("0 spans are named 'other'; recorded: ['work', 'work']")):
        recorder.span("other")
    with pytest.raises(AssertionError, match="2 spans are named 'work'"):
        recorder.span("work")
    assert len(recorder.named("work")) == 2


def test_nothing_of_the_programs_is_replaced(recorder: Recorder) -> None:
    """The global meter provider is left alone."""
    assert "Proxy" in type(metrics.get_meter_provider()).__name__
