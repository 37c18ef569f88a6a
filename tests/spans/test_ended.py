"""Ended spans as a decision at the trace's end sees them: stage spans as they are, spans of the SDK through a view."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, TraceFlags, TraceState, use_span

import otelkit
from otelkit.model.traces import EndedSpan
from otelkit.spans.ended import SdkEndedSpan, viewed
from otelkit.spans.light_span import LightSpan
from otelkit.testing import Recorder
from tests.forking import in_child
from tests.spans.made import Keeper

pytestmark = [pytest.mark.sdk, pytest.mark.requirement("TRC-17")]

STATE = TraceState([("ot", "th:8")])


@otelkit.stage
def parse(path: str) -> None:
    trace.get_current_span().set_attribute("bytes", 5)


@otelkit.stage
def fail() -> None:
    raise ValueError("rotten")


@otelkit.stage
def renamed() -> None:
    trace.get_current_span().set_status(StatusCode.ERROR)
    trace.get_current_span().update_name("other")


@otelkit.stage
def outer(work: Callable[[], None]) -> None:
    work()


def sdk_span(name: str = "GET", error: Exception | None = None) -> None:
    with trace.get_tracer("strange").start_as_current_span(name, attributes={"http.method": "GET"}):
        if error is not None:
            raise error


def kept(work: Callable[[], object]) -> list[EndedSpan]:
    """Return what a step for ended spans sees of ``work``; a ValueError that leaves it is meant."""
    keeper = Keeper()
    with Recorder(steps=[keeper]), contextlib.suppress(ValueError):
        work()
    return keeper.kept


def test_a_stage_span_is_seen_as_it_is() -> None:
    """Nothing is made of it."""
    (span,) = kept(lambda: parse("a.txt"))

    assert type(span) is LightSpan
    assert (span.name, span.stage_name, span.pipeline) == ("test_ended.parse", "test_ended.parse", "pipeline")
    assert (span.is_local_root, span.parent_id, span.failed, span.error_type, span.error_frame) == (
        True, 0, False, None, None,
    )  # fmt: skip
    assert span.end_unix_ns - span.start_unix_ns == span.duration_ns
    assert (span.attribute("bytes"), span.attribute("pipeline.item.id"), span.attribute("nothing")) == (
        5, "a.txt", None,
    )  # fmt: skip
    assert span.attribute("pipeline.stage.outcome") == "ok"


def test_a_span_of_the_sdk_is_seen_through_a_view() -> None:
    """It tells the same things."""
    (span,) = kept(lambda: sdk_span(error=ValueError("rotten")))

    assert type(span) is SdkEndedSpan
    assert (span.name, span.stage_name, span.pipeline) == ("GET", None, None)
    assert (span.is_local_root, span.parent_id, span.failed, span.error_type) == (True, 0, True, "ValueError")
    assert span.error_frame is not None
    assert span.error_frame.endswith(" sdk_span")
    assert span.end_unix_ns - span.start_unix_ns == span.duration_ns
    assert (span.attribute("http.method"), span.attribute("nothing")) == ("GET", None)


def test_failures_are_told_whoever_says_them() -> None:
    """An error that leaves the stage, or a status that the program has set."""
    failed = kept(lambda: outer(fail))
    silent, fine = kept(renamed), kept(sdk_span)

    assert [span.failed for span in (*failed, *silent, *fine)] == [True, True, True, False]
    assert [span.error_type for span in (*failed, *silent)] == ["ValueError", "ValueError", None]
    assert str(failed[0].error_frame).endswith(" fail")
    assert (silent[0].name, silent[0].stage_name) == ("other", "test_ended.renamed")


def test_only_what_nobody_here_is_above_is_a_local_root() -> None:
    """Stages and other spans, in each other and below a remote parent."""
    remote = NonRecordingSpan(SpanContext(7, 9, True, TraceFlags(1), STATE))

    def all_of_them() -> None:
        with use_span(remote):
            outer(lambda: (parse("a"), sdk_span()))  # type: ignore[arg-type,func-returns-value] # only called
            sdk_span("other")

    seen = kept(all_of_them)

    assert [(span.name, span.is_local_root) for span in seen] == [
        ("test_ended.parse", False),
        ("GET", False),
        ("test_ended.outer", True),
        ("other", True),
    ]
    assert {span.trace_id for span in seen} == {7}
    assert all(span.trace_state == STATE for span in seen)


@pytest.mark.parametrize("work", [lambda: parse("a.txt"), sdk_span], ids=["stage", "sdk"])
def test_a_marked_span_leaves_with_its_threshold_and_what_is_said_of_it(work: Callable[[], object]) -> None:
    """Everything else is as it was, for exporters that take spans of the SDK too."""
    (span,) = kept(work)
    before = readable(span)
    marked = span.marked(STATE, {"otelkit.sampling.reason": "slow", "bytes": 6})
    after = readable(marked)

    assert marked.trace_state == STATE
    assert after.context is not None
    assert before.context is not None
    assert after.context.trace_state == STATE
    assert (after.context.trace_id, after.context.span_id) == (before.context.trace_id, before.context.span_id)
    assert dict(after.attributes or {}) == {
        **dict(before.attributes or {}), "otelkit.sampling.reason": "slow", "bytes": 6,
    }  # fmt: skip
    assert (after.name, after.start_time, after.end_time) == (before.name, before.start_time, before.end_time)


def readable(span: EndedSpan) -> ReadableSpan:
    assert isinstance(span, LightSpan | SdkEndedSpan)
    return span.readable() if isinstance(span, LightSpan) else span.span


def test_spans_that_leave_together_share_what_they_share() -> None:
    """The encoder writes it once."""
    inner, top = kept(lambda: outer(lambda: parse("a")))
    inner.marked(STATE, {})
    top.marked(STATE, {})

    assert isinstance(inner, LightSpan)
    assert isinstance(top, LightSpan)
    assert inner.trace is top.trace


def test_what_is_opened_below_a_span_that_has_left_goes_by_what_it_knew() -> None:
    """Its trace and parent are right; the threshold of those that have left is not its own."""
    keeper = Keeper()
    with Recorder(steps=[keeper]):
        parse("a")
        (left,) = keeper.kept
        left.marked(STATE, {})
        assert isinstance(left, LightSpan)
        with use_span(left, end_on_exit=False):
            parse("late")
    late = keeper.kept[1]

    assert (late.trace_id, late.parent_id) == (left.trace_id, left.span_id)
    assert late.trace_state is None
    assert not late.is_local_root


@pytest.mark.parametrize("asked_before", [False, True], ids=["not asked before", "asked before"])
def test_a_span_that_has_left_tells_those_below_it_what_it_told_before(asked_before: bool) -> None:
    """What it is exported with is of no concern to a task that kept the context."""
    (left,) = kept(lambda: parse("a"))
    assert isinstance(left, LightSpan)
    if asked_before:
        left.get_span_context()
    left.marked(STATE, {})
    exported = readable(left).context

    assert exported is not None
    assert exported.trace_state == STATE
    assert left.get_span_context().trace_state == TraceState()
    assert (exported.trace_id, exported.span_id) == (left.trace_id, left.span_id)


def test_a_span_without_ids_is_not_seen() -> None:
    """Nothing can be said of it; it goes on."""
    nameless = ReadableSpan("nameless")

    assert viewed([nameless]) == ([], [nameless])


@pytest.mark.parametrize("around", ["stage", "sdk"])
def test_in_a_forked_child_the_parents_spans_are_as_remote_as_any(around: str) -> None:
    """They end there, so that nothing in the child would ever be complete."""
    keeper = Keeper()

    def there() -> object:
        keeper.kept.clear()
        outer(lambda: parse("a"))
        return [[span.name, span.is_local_root, span.parent_id == parents[0]] for span in keeper.kept]

    parents: list[int] = []
    answers: list[object] = []

    def fork() -> None:
        parents.append(trace.get_current_span().get_span_context().span_id)
        answers.append(in_child(there))

    with Recorder(steps=[keeper]):
        if around == "stage":
            outer(fork)
        else:
            with trace.get_tracer("strange").start_as_current_span("run"):
                fork()

    assert answers == [[["test_ended.parse", False, False], ["test_ended.outer", True, True]]]
