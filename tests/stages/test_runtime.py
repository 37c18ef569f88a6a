"""What decorated functions call when otelkit is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import Span

import otelkit
from otelkit import _current, _guard, names
from otelkit.model.blueprint import Offered
from otelkit.model.calls import Outcome, Stage, StageCall, StageKind
from otelkit.model.observers import CallObserver
from otelkit.spans.stage_spans import SdkStageSpans
from otelkit.stages import runtime as module
from otelkit.stages.runtime import Runtime
from otelkit.testing import FakeClock, Recorder
from tests.forking import in_child


class Seeing(CallObserver):
    """Writes down what it sees."""

    name = "seeing"

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Outcome | None, int]] = []

    def opened(self, call: StageCall) -> None:
        self.seen.append(("opened", call.stage.name, call.outcome, call.duration_ns))

    def closed(self, call: StageCall) -> None:
        self.seen.append(("closed", call.stage.name, call.outcome, call.duration_ns))


class Broken(CallObserver):
    """Raises whenever it sees something."""

    name = "broken"

    def opened(self, call: StageCall) -> None:
        raise ValueError("opened")

    def closed(self, call: StageCall) -> None:
        raise ValueError("closed")


def runtime_with(*observers: CallObserver, **more: Any) -> Runtime:
    provider = TracerProvider(shutdown_on_exit=False)
    arguments: dict[str, Any] = {
        "spans": SdkStageSpans(provider.get_tracer("test")),
        "observers": [Offered("test", "test-dist", each) for each in observers],
        "describers": {},
        "default_pipeline": "default",
        "flush": lambda timeout_s: True,
    }
    return Runtime(**{**arguments, **more})


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Runtime], Runtime]:
    """Install a runtime until the end of the test."""

    def install(runtime: Runtime) -> Runtime:
        monkeypatch.setattr(_current, "runtime", runtime)
        return runtime

    return install


@otelkit.stage("work")
def work() -> str:
    return "done"


@pytest.mark.requirement("MET-33", "TRC-37")
def test_observers_see_every_call_sampled_or_not() -> None:
    """With no span recorded at all, the counts are of what ran; the duration is the clock's."""
    clock = FakeClock()
    seeing = Seeing()

    @otelkit.stage("work")
    def slow() -> None:
        clock.advance(1.5)

    with Recorder(sampler=ALWAYS_OFF, observers=[seeing], clock=clock) as recorder:
        slow()
        points = recorder.points(names.METRIC_STAGE_DURATION)

    assert seeing.seen == [("opened", "work", None, -1), ("closed", "work", Outcome.OK, 1_500_000_000)]
    assert recorder.spans == []
    assert [(point.value, point.count) for point in points] == [(1.5, 1)]


def test_an_observer_that_fails_harms_nobody_and_is_switched_off(install: Callable[[Runtime], Runtime]) -> None:
    """Counted and attributed to its distribution; the function, the span and the other observers go on."""
    seeing = Seeing()
    runtime = install(runtime_with(Broken(), seeing))
    for _ in range(20):
        assert work() == "done"

    barrier = runtime.barriers["observer broken"]
    assert (barrier.faults, barrier.off, barrier.distribution) == (10, True, "test-dist")
    assert len(seeing.seen) == 40


def test_an_observer_that_looks_at_nothing_costs_nothing(install: Callable[[Runtime], Runtime]) -> None:
    """Methods that are not overridden are not even called."""

    class Binding(CallObserver):
        name = "binding"

    runtime = runtime_with(Binding())

    assert (runtime._opened, runtime._closed) == ([], [])


@pytest.mark.parametrize("where", ["start", "end"])
def test_a_span_processor_of_the_programs_that_raises_never_reaches_the_stage(
    where: str, install: Callable[[Runtime], Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK lets it through (#5624); the stage runs, is counted, and its children still find their ancestor."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)

    class Raising(SpanProcessor):
        def on_start(self, span: Any, parent_context: Context | None = None) -> None:
            if where == "start":
                raise RuntimeError("start")

        def on_end(self, span: ReadableSpan) -> None:
            if where == "end":
                raise RuntimeError("end")

    provider = TracerProvider(shutdown_on_exit=False)
    around = provider.get_tracer("test").start_span("around")
    provider.add_span_processor(Raising())
    seeing = Seeing()
    runtime = install(runtime_with(seeing, spans=SdkStageSpans(provider.get_tracer("test"))))

    @otelkit.stage("outer")
    def outer() -> int:
        return trace.get_current_span().get_span_context().trace_id

    with trace.use_span(around):
        assert outer() == around.get_span_context().trace_id

    assert [what for what, *_ in seeing.seen] == ["opened", "closed"]
    assert runtime.barriers["stage spans" if where == "start" else "stages"].faults == 1


def test_spans_that_never_start_leave_a_whole_run_of_calls_alone(
    install: Callable[[Runtime], Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ten failures in a row no more spans are tried; the function runs every time."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)
    tried = []

    class Failing:
        def start(self, stage: Stage, pipeline: str, parent: Context | None) -> Span:
            tried.append(stage)
            raise RuntimeError("no span today")

    install(runtime_with(spans=Failing()))

    assert [work() for _ in range(30)] == ["done"] * 30
    assert len(tried) == 10


class Picky(Sampler):
    """Raises at stages of one name."""

    def __init__(self) -> None:
        self.refused = 0

    def should_sample(self, parent_context: Any, trace_id: int, name: str, *more: Any, **named: Any) -> SamplingResult:
        if name == "bad":
            self.refused += 1
            raise ValueError(name)
        return SamplingResult(Decision.RECORD_AND_SAMPLE)

    def get_description(self) -> str:
        return "picky"


@otelkit.stage("bad")
def bad() -> None: ...


def test_a_span_that_starts_ends_the_row_of_those_that_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sampler that fails at one stage now and then leaves the spans of the others alone, and is asked once a call."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)
    sampler = Picky()
    with Recorder(sampler=sampler) as recorder:
        for _ in range(30):
            bad()
            work()
            work()
        usual = recorder.runtime._light
        assert usual is not None
        assert recorder.runtime._open == usual.open

    barrier = recorder.runtime.barriers["stage spans"]
    assert [span.name for span in recorder.spans] == ["work"] * 60
    assert [call.stage.name for call in recorder.calls] == ["bad", "work", "work"] * 30
    assert (sampler.refused, barrier.faults, barrier.off) == (30, 30, False)


def test_spans_are_switched_off_by_ten_faults_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call that fails counts once; the sampler is not asked any more, and the calls go on."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)
    sampler = Picky()
    with Recorder(sampler=sampler) as recorder:
        for _ in range(30):
            bad()
        work()

    barrier = recorder.runtime.barriers["stage spans"]
    assert (sampler.refused, barrier.faults, barrier.off) == (10, 10, True)
    assert (len(recorder.calls), recorder.spans) == (31, [])


def test_a_call_whose_span_fails_passes_on_the_trace_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What starts inside it is below what surrounds it."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)

    def fail(*args: Any) -> StageCall:
        raise ValueError("no span now")

    with Recorder() as recorder, otelkit.stage("around"):
        monkeypatch.setattr(recorder.runtime, "_open", fail)
        with otelkit.stage("spanless"):
            work()

    [inner] = [span for span in recorder.spans if span.name == "work"]
    around = recorder.span("around").context
    assert (inner.parent and inner.parent.span_id) == (around and around.span_id)
    assert sorted(span.name for span in recorder.spans) == ["around", "work"]


def test_runs_and_stages_named_by_data_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    """Neither runs with names of their own around one stage, nor stages made up on the way."""
    monkeypatch.setattr(module, "MAX_SERIES", 10)

    @otelkit.stage("enhance", pipeline="audio")
    def enhance() -> None: ...

    for number in range(100):
        with otelkit.run(f"order {number}"):
            enhance()
    assert len(recorder.runtime._by_run) <= 11
    assert [(series.stage.name, series.pipeline) for series in recorder.runtime.series()] == [("enhance", "audio")]

    for number in range(100):
        with otelkit.stage(f"stage {number}"):
            pass
    assert len(recorder.runtime.series()) <= 20
    assert len(recorder.runtime._outside) <= 10


def test_a_call_is_seen_though_its_stage_is_forgotten_as_it_opens(
    monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    """Its thread may have found the stage right before another one makes room; while it runs it is seen, and only once."""
    monkeypatch.setattr(module, "MAX_SERIES", 10)
    runtime = recorder.runtime
    usual = runtime._open

    def make_up(count: int, kind: str) -> None:
        for number in range(count):
            with otelkit.stage(f"{kind} {number}"):
                pass

    def open_late(*args: Any) -> StageCall:
        monkeypatch.setattr(runtime, "_open", usual)
        make_up(10, "meanwhile")
        return usual(*args)

    monkeypatch.setattr(runtime, "_open", open_late)
    seen = []
    with otelkit.stage("late"):
        for kind in "abc":
            seen.append([call.stage.name for series in runtime.series() for call in series.running])
            make_up(10, kind)
    make_up(20, "after")

    assert seen == [["late"]] * 3
    assert "late" not in {series.stage.name for series in runtime.series()}


def test_the_pipeline_is_the_decorators_else_the_runs_else_the_default(recorder: Recorder) -> None:
    """In this order."""

    @otelkit.stage("own", pipeline="mine")
    def own() -> None: ...

    own()
    work()
    with otelkit.run("nightly"):
        own()
        work()
    with otelkit.run("nightly", pipeline="audio"):
        work()

    assert [call.pipeline for call in recorder.calls] == ["mine", "pipeline", "mine", "nightly", "audio"]


@pytest.mark.requirement("TRC-01", "TRC-38")
def test_a_stage_span_says_who_it_is(recorder: Recorder) -> None:
    """Pipeline, stage, kind and function."""
    work()

    assert dict(recorder.span("work").attributes or {}) == {
        names.PIPELINE_NAME: "pipeline",
        names.STAGE_NAME: "work",
        names.STAGE_KIND: "function",
        names.CODE_FUNCTION: f"{__name__}.work",
        names.STAGE_OUTCOME: "ok",
        names.ITEMS_OK: 1,
    }


def test_a_forked_child_flushes_when_its_outermost_stage_ends(install: Callable[[Runtime], Runtime]) -> None:
    """Once per outermost stage, not for inner ones, and never in the parent."""
    flushed: list[float] = []

    def flush(timeout_s: float) -> bool:
        flushed.append(timeout_s)
        return True

    install(runtime_with(flush=flush))

    @otelkit.stage("outer")
    def outer() -> None:
        work()
        work()

    outer()

    def child() -> int:
        outer()
        work()
        return len(flushed)

    assert flushed == []
    assert in_child(child) == 2
    with otelkit.stage("around the fork"):
        assert in_child(child) == 2


def test_a_flush_that_fails_is_contained(
    install: Callable[[Runtime], Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a fault of telemetry and answers False."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)

    def flush(timeout_s: float) -> bool:
        raise OSError("network is down")

    assert install(runtime_with(flush=flush)).flush(1.0) is False


def test_a_child_seals_where_that_can_be_done(install: Callable[[Runtime], Runtime]) -> None:
    """Nothing is sent then; what fails in it is contained."""
    did: list[str] = []

    def flush(timeout_s: float) -> bool:
        did.append("flushed")
        return True

    def seal(timeout_s: float) -> bool:
        did.append("sealed")
        raise OSError("the disk is gone")

    install(runtime_with(flush=flush, seal=seal))

    @otelkit.stage
    def work() -> None:
        pass

    def child() -> list[str]:
        _guard.reraise_in_tests = False
        work()
        return did

    assert in_child(child) == ["sealed"]


def test_a_child_never_ends_the_calls_of_its_parent(install: Callable[[Runtime], Runtime]) -> None:
    """A child forked inside a stage returns through it; the call is ended and counted once, by the parent."""
    seeing = Seeing()
    ended: list[str] = []

    class Ending(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            ended.append(span.name)

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Ending())
    install(runtime_with(seeing, spans=SdkStageSpans(provider.get_tracer("test"))))

    reading, writing = os.pipe()
    parent = os.getpid()

    @otelkit.stage("forking")
    def forking() -> Any:
        return in_child(lambda: run_through(values))

    @otelkit.stage("values")
    def read() -> Any:
        yield 1
        yield 2

    def run_through(values: Any) -> list[Any]:
        list(values)
        return [os.getpid() != parent, [what for what, *_ in seeing.seen if what == "closed"], ended]

    values = read()
    next(values)
    try:
        assert forking() == [True, [], []]
    finally:
        os.close(reading)
        os.close(writing)
    list(values)

    assert ended == ["forking", "values"]


def test_open_calls_start_where_they_are_told(recorder: Recorder) -> None:
    """A caller of the protocol may give a parent context, and close twice."""
    runtime = _current.runtime
    assert runtime is not None
    stage = Stage("by hand", StageKind.BLOCK)
    with otelkit.stage("elsewhere"):
        call = runtime.open(stage, parent=Context())
        call.set("key", "value")
        call.close()
        call.close(ValueError("too late"))

    assert recorder.span("by hand").parent is None
    assert [each.outcome for each in recorder.calls] == [Outcome.OK, Outcome.OK]


def test_somebody_is_told_when_a_stage_is_called_for_the_first_time() -> None:
    """Once for each stage of a process, so that nothing is started for nothing; a forked child is a process of its own."""
    told: list[None] = []
    runtime = runtime_with(begun=lambda: told.append(None))
    stages = [Stage(name, StageKind.FUNCTION) for name in ("read", "write")]

    def call_all() -> int:
        for stage in (*stages, *stages):
            runtime.open(stage).close()
        return len(told)

    assert (call_all(), call_all(), in_child(call_all)) == (2, 2, 4)


def test_a_running_call_says_which_item_it_is_at(recorder: Recorder) -> None:
    """As the argument says, or as the stage itself says last; whoever makes its span."""
    said: list[str | None] = []

    def look() -> None:
        runtime = _current.runtime
        assert runtime is not None
        said.extend(call.item_id for series in runtime.series() for call in series.running)

    @otelkit.stage("work", item="path")
    def work_on(path: str) -> None:
        look()

    work_on("a.wav")
    with otelkit.stage("block") as call:
        look()
        call.set(names.ITEM_ID, "b.wav")
        look()
    recorder.runtime._open = recorder.runtime._beside.open
    work_on("c.wav")

    assert said == ["a.wav", None, "b.wav", "c.wav"]
