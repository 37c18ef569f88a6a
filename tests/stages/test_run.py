"""`otelkit.run`: root span, run id, progress."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Span, StatusCode

import otelkit
from otelkit import _current, _guard, names
from otelkit.spans.stage_spans import SdkStageSpans
from otelkit.stages import Runtime, children, current_run_id, current_run_name, set_process_run
from otelkit.testing import Recorder
from tests.forking import held_by_another_thread, in_child


@pytest.fixture(autouse=True)
def process_without_run() -> Iterator[None]:
    """Each test begins and ends in a process that belongs to no run."""
    set_process_run(None, None)
    yield
    set_process_run(None, None)


def runtime_over(processor: SpanProcessor, flush: Callable[[float], bool]) -> Runtime:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("tests")
    return Runtime(
        spans=SdkStageSpans(tracer), observers=[], describers={}, default_pipeline="p", flush=flush, tracer=tracer
    )


@otelkit.stage("work")
def work(item: object = None) -> None: ...


def test_a_run_has_a_root_span_that_names_it(recorder: Recorder) -> None:
    """And its stages are its children."""
    with otelkit.run("nightly", total=3, pipeline="audio") as run:
        work()

    span = recorder.span("nightly")
    assert recorder.tree() == ["nightly", "  work"]
    assert dict(span.attributes or {}) == {
        names.PIPELINE_NAME: "audio",
        names.PIPELINE_RUN_ID: run.id,
        names.PIPELINE_RUN_NAME: "nightly",
        names.RUN_TOTAL: 3,
    }


def test_the_run_is_known_inside_and_only_there(recorder: Recorder) -> None:
    """Its id and name, also in an inner run, and that of the outer one again afterwards."""
    assert (current_run_id(), current_run_name()) == (None, None)
    with otelkit.run("outer") as outer:
        with otelkit.run("inner") as inner:
            assert (current_run_id(), current_run_name()) == (inner.id, "inner")
        assert (current_run_id(), current_run_name()) == (outer.id, "outer")
    assert current_run_id() is None
    assert outer.id != inner.id


def test_the_first_run_takes_over_the_id_of_the_process(recorder: Recorder) -> None:
    """What ``otelkit run`` started is that run; later runs of the process are others."""
    set_process_run("from-outside", "cli")
    assert (current_run_id(), current_run_name()) == ("from-outside", "cli")
    with otelkit.run("nightly") as first:
        assert (current_run_id(), current_run_name()) == ("from-outside", "nightly")
    with otelkit.run("nightly") as second:
        pass

    assert first.id == "from-outside"
    assert second.id not in (None, "from-outside")


def test_progress_is_counted_and_reported(recorder: Recorder) -> None:
    """track takes the total from the length; the gauges say how far it is, also after the end."""
    with otelkit.run("nightly") as run:
        for position, item in enumerate(run.track(["a", "b", "c"])):
            work(item)

            assert (run.done, run.total) == (position, 3)
        run.advance(2)

    by_pipeline = {names.PIPELINE_NAME: "nightly"}
    (progress,) = recorder.points(names.METRIC_RUN_PROGRESS)
    (total,) = recorder.points(names.METRIC_RUN_TOTAL)
    assert (progress.value, progress.attributes) == (5, by_pipeline)
    assert (total.value, total.attributes) == (3, by_pipeline)
    assert (recorder.span("nightly").attributes or {})[names.RUN_TOTAL] == 3


def test_an_item_is_handled_when_the_next_one_is_asked_for(recorder: Recorder) -> None:
    """Neither the one that fails nor the one at which the loop is left counts."""
    with otelkit.run("nightly") as run:
        for item in run.track(iter("abc")):
            if item == "c":
                break

    assert (run.done, run.total) == (2, None)


def test_asynchronous_items_are_tracked_too(recorder: Recorder) -> None:
    """With ``async for``."""

    async def items() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    async def main() -> list[int]:
        with otelkit.run("nightly") as run:
            found = [item async for item in run.track(items())]
        assert run.done == 3
        return found

    assert asyncio.run(main()) == [0, 1, 2]


def test_a_total_that_is_learnt_later_is_on_the_span(recorder: Recorder) -> None:
    """set_total may come at any time; a given total is not overwritten by a length."""
    with otelkit.run("late") as late:
        late.set_total(7)
    with otelkit.run("given", total=9) as given:
        list(given.track([1]))

    assert (recorder.span("late").attributes or {})[names.RUN_TOTAL] == 7
    assert given.total == 9


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("no"), StatusCode.ERROR), (KeyboardInterrupt(), StatusCode.UNSET)], ids=repr
)
def test_an_error_that_ends_the_run_is_on_its_span_and_passes_through(
    error: BaseException, status: StatusCode, recorder: Recorder
) -> None:
    """Ctrl-C is no error."""
    with pytest.raises(type(error)) as raised, otelkit.run("nightly"):
        raise error

    span = recorder.span("nightly")
    assert raised.value is error
    assert span.status.status_code is status
    assert (names.ERROR_TYPE in (span.attributes or {})) == (status is StatusCode.ERROR)


def test_a_child_forked_inside_a_run_belongs_to_it_and_does_not_end_it(recorder: Recorder) -> None:
    """It has the run's id, reports no progress of the parent's, and leaves the root span alone."""
    run = otelkit.run("nightly", total=2)

    def child() -> object:
        found = current_run_id(), [point.value for point in recorder.points(names.METRIC_RUN_TOTAL)]
        run.__exit__(None, None, None)
        return [*found, len(recorder.named("nightly"))]

    with run:
        assert in_child(child) == [run.id, [], 0]

    assert len(recorder.named("nightly")) == 1


def test_a_child_counts_on_even_if_a_thread_of_the_parent_was_just_counting() -> None:
    """`advance` and `track` never wait for a thread that is not in the child."""
    run = otelkit.run("nightly")
    run.advance()

    def child() -> int:
        run.advance(2)
        list(run.track("abc"))
        return run.done

    with held_by_another_thread(run._progress._lock):
        assert in_child(child, timeout_s=10) == 6


class BrokenAt(SpanProcessor):
    """Raises when a span starts or ends."""

    def __init__(self, moment: str) -> None:
        self.moment = moment

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if self.moment == "start":
            raise ValueError("on_start is broken")

    def on_end(self, span: ReadableSpan) -> None:
        if self.moment == "end":
            raise ValueError("on_end is broken")


@pytest.mark.parametrize("moment", ["start", "end"])
def test_a_root_span_that_fails_is_counted_and_said_and_the_run_goes_on(
    moment: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The program's own provider may have a processor that raises."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)
    runtime = runtime_over(BrokenAt(moment), flush=lambda timeout_s: True)
    monkeypatch.setattr(_current, "runtime", runtime)
    with caplog.at_level(logging.WARNING, "otelkit.guard"), otelkit.run("nightly") as run:
        run.advance()

    assert (run.done, runtime.barriers["run spans"].faults) == (1, 1)
    assert [f"{moment} span" in record.getMessage() for record in caplog.records] == [True]


def test_a_child_whose_root_span_fails_at_its_end_still_sends_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stages have recorded their spans all the same."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)
    flushed: list[float] = []

    def flush(timeout_s: float) -> bool:
        flushed.append(timeout_s)
        return True

    monkeypatch.setattr(_current, "runtime", runtime_over(BrokenAt("end"), flush=flush))

    def child() -> list[float]:
        with otelkit.run("nightly"):
            pass
        return flushed

    assert in_child(child) == [children.SEAL_S]


def test_without_otelkit_a_run_only_counts() -> None:
    """No id, no span; progress can be read all the same."""
    with otelkit.run("nightly") as run:
        assert list(run.track([1, 2])) == [1, 2]

    assert (run.id, run.done, run.total, current_run_id()) == (None, 2, 2, None)
