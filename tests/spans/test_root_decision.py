"""Where a trace starts: who is asked whether it is kept."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.baggage import set_baggage
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    StaticSampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.util.types import Attributes

from otelkit import names
from otelkit.model.calls import Stage
from otelkit.model.sampling import KeptRoot, RootDecider
from otelkit.sampling.debug import with_debug
from otelkit.sampling.ratio import OtelkitRatio
from otelkit.spans.light_span import LightSpan
from otelkit.spans.root_decision import RootDecision
from otelkit.testing import CountingIds
from tests.spans.side_by_side import AT_START, SideBySide, identity

pytestmark = pytest.mark.sdk

HIGH = (1 << 120) | ((1 << 56) - 1)
LOW = 1 << 120


class Strange(Sampler):
    """Answers as told, and notes what it was asked."""

    def __init__(self, *decisions: Decision, attributes: dict[str, Any] | None = None, state: str = "") -> None:
        self._decisions = itertools.cycle(decisions)
        self._attributes = attributes or {}
        self._state = TraceState.from_header([state]) if state else None
        self.asked: list[tuple[int, str, Attributes]] = []

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        self.asked.append((trace_id, name, dict(attributes or {})))
        given = {**(attributes or {}), **self._attributes}
        return SamplingResult(next(self._decisions), given, self._state)

    def get_description(self) -> str:
        return "Strange"


class ByStage(Strange):
    """Decides on roots by their stage and pipeline: keeps what the stage's name and the trace id allow."""

    def __init__(self, kept: str = "parse") -> None:
        super().__init__(Decision.RECORD_AND_SAMPLE)
        self._kept = kept
        self._answer = (TraceState.from_header(["ot=th:8"]), {"why": "by stage"})

    def decide_root(self, trace_id: int, stage: Stage, pipeline: str, context: Context) -> KeptRoot | None:
        self.asked.append((trace_id, f"{pipeline}/{stage.name}", dict(context)))
        return self._answer if stage.name == self._kept else None

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        *rest: Any,
    ) -> SamplingResult:
        around = get_current_span(parent_context).get_span_context()
        if around.is_valid:
            kept = around.trace_flags.sampled
            return SamplingResult(KEEP if kept else DROP, attributes, around.trace_state)
        if name != self._kept:
            return SamplingResult(DROP)
        state, said = self._answer
        return SamplingResult(KEEP, {**(attributes or {}), **said}, state)


KEEP, DROP, RECORD = Decision.RECORD_AND_SAMPLE, Decision.DROP, Decision.RECORD_ONLY


def debug(within: Sampler, *, known: bool | None = None) -> Sampler:
    return with_debug(within, always=False, key="debug", follows_parent=True, known=known)


SAMPLERS: dict[str, Sampler] = {
    "always_on": ALWAYS_ON,
    "always_off": ALWAYS_OFF,
    "parentbased_always_on": DEFAULT_ON,
    "parentbased_always_off": DEFAULT_OFF,
    "parentbased made by hand": ParentBased(StaticSampler(KEEP)),
    "traceidratio": TraceIdRatioBased(0.5),
    "parentbased_traceidratio": ParentBased(TraceIdRatioBased(0.5)),
    "otelkit_ratio": OtelkitRatio(0.5),
    "otelkit_ratio, all": OtelkitRatio(1.0),
    "otelkit_ratio, none": OtelkitRatio(0.0),
    "by stage": ByStage(),
    "by stage, another": ByStage("other"),
    "record only": StaticSampler(RECORD),
    "parentbased record only": ParentBased(StaticSampler(RECORD)),
    "local children only recorded": ParentBased(ALWAYS_ON, local_parent_sampled=StaticSampler(RECORD)),
    "remote children only recorded": ParentBased(ALWAYS_ON, remote_parent_sampled=StaticSampler(RECORD)),
    "other below remote parents": ParentBased(ALWAYS_OFF, remote_parent_not_sampled=ALWAYS_ON),
    "other below local parents": ParentBased(ALWAYS_ON, local_parent_sampled=ALWAYS_OFF),
    "says attributes": Strange(KEEP, attributes={"why": "strange", names.PIPELINE_NAME: "other"}),
    "says tracestate": ParentBased(Strange(KEEP, state="v=1,w=2")),
    "parentbased, says attributes": ParentBased(Strange(KEEP, attributes={"why": "strange"})),
    "debugging around the default": debug(DEFAULT_ON, known=True),
    "debugging around none": debug(ALWAYS_OFF, known=False),
    "debugging around parentbased none": debug(DEFAULT_OFF, known=False),
    "debugging around parentbased_traceidratio": debug(ParentBased(TraceIdRatioBased(0.5))),
    "debugging around otelkit_ratio": debug(OtelkitRatio(0.5)),
    "debugging around by stage": debug(ByStage("other")),
    "debugging around a stranger's": with_debug(Strange(DROP), always=False, key="debug"),
    "debugging everything": with_debug(ALWAYS_OFF, always=True, key=""),
}


def parent(*, sampled: bool, remote: bool, trace_id: int = HIGH, span_id: int = 0xAA, flags: int = 0) -> Context:
    state = TraceState.from_header(["ot=th:8;k:v,v=1"])
    context = SpanContext(trace_id, span_id, remote, TraceFlags(int(sampled) | flags), state)
    return set_span_in_context(NonRecordingSpan(context), Context())


PARENTS: dict[str, Context] = {
    "none": Context(),
    **{
        f"{'remote' if remote else 'local'}, {'sampled' if sampled else 'not sampled'}": parent(
            sampled=sampled, remote=remote
        )
        for remote in (True, False)
        for sampled in (True, False)
    },
    **{
        f"remote, {'sampled' if sampled else 'not sampled'}, to be debugged": set_baggage(
            "debug", "1", parent(sampled=sampled, remote=True)
        )
        for sampled in (True, False)
    },
    "remote, random id": parent(sampled=True, remote=True, flags=2),
    "remote, of a trace that would be dropped": parent(sampled=True, remote=True, trace_id=LOW),
    "without a trace id": parent(sampled=True, remote=True, trace_id=0),
    "without a span id": parent(sampled=True, remote=True, span_id=0),
}


def facts(span: Span) -> dict[str, Any]:
    """Return all that a sampler decides on, and where the span stands."""
    readable: Any = span.readable() if isinstance(span, LightSpan) else span
    recording = span.is_recording()
    return {
        "recording": recording,
        "context": identity(span.get_span_context()),
        "parent": identity(readable.parent) if recording else None,
        "attributes": dict(readable.attributes) if recording else None,
    }


@pytest.mark.parametrize("start", list(PARENTS))
@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_stages_are_sampled_as_the_stock_sdk_would(sampler: str, start: str) -> None:
    """At the start of a trace, below a remote or a local parent, and two stages further down; each asked twice."""
    both = SideBySide(SAMPLERS[sampler])
    for _ in range(2):
        ours, stock = PARENTS[start], PARENTS[start]
        for _ in range(3):
            mine, reference = both.ours(ours), both.stock(stock)

            assert facts(mine) == facts(reference)
            ours, stock = set_span_in_context(mine, ours), set_span_in_context(reference, stock)


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name.startswith("debugging")])
def test_a_trace_that_is_to_be_debugged_is_kept_whole(sampler: str) -> None:
    """Decided on alike by stages and by the SDK; where all are kept anyway, stages do not say why."""
    both = SideBySide(SAMPLERS[sampler])
    ours = stock = set_baggage("debug", "1", Context())
    for _ in range(3):
        mine, reference = both.ours(ours), both.stock(stock)

        assert mine.sampled
        if sampler != "debugging around the default":
            assert facts(mine) == facts(reference)
        ours, stock = set_span_in_context(mine, ours), set_span_in_context(reference, stock)


def test_debugging_costs_the_default_nothing_where_a_trace_starts() -> None:
    """No stage asks it."""
    decision = RootDecision(SAMPLERS["debugging around the default"], CountingIds())

    assert decision.quick_root() is not None
    assert decision.follows_parent
    assert decision.follows_remote


def test_the_sampler_is_told_what_the_span_is_of() -> None:
    """A stranger may decide by the stage."""
    strange = Strange(DROP)
    both = SideBySide(strange)
    span = both.ours()

    assert strange.asked == [(span.trace_id, "parse", AT_START)]


def test_a_sampler_that_drops_what_it_was_given_drops_nothing_of_the_stages() -> None:
    """In the stock SDK such a sampler, which forgets to hand attributes on, would take them off the span."""

    class Forgetful(Strange):
        def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
            return SamplingResult(KEEP, {"mine": 1})

    span = SideBySide(Forgetful()).ours()

    assert dict(span.readable().attributes or {}) == {**AT_START, "mine": 1}


def test_below_a_remote_parent_a_strangers_sampler_is_asked_for_each_stage() -> None:
    """Its decision may depend on the stage, or on how many there were."""
    strange = Strange(KEEP, DROP)
    both = SideBySide(ParentBased(ALWAYS_ON, remote_parent_sampled=strange))
    context = PARENTS["remote, sampled"]
    sampled = [both.ours(context).sampled for _ in range(4)]

    assert sampled == [True, False, True, False]


@pytest.mark.parametrize("sampler", ["parentbased_always_on", "parentbased_traceidratio", "otelkit_ratio"])
def test_stages_below_stages_are_not_asked_for(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor those below one remote parent again and again: that would cost every call more than all the rest."""
    both = SideBySide(SAMPLERS[sampler])
    top = both.ours(PARENTS["remote, sampled"])
    monkeypatch.setattr(
        type(SAMPLERS[sampler]), "should_sample", lambda *args, **kwargs: pytest.fail("asked"), raising=True
    )
    below = both.ours(set_span_in_context(top, Context()))
    beside = both.ours(PARENTS["remote, sampled"])

    assert below.trace is top.trace is beside.trace


def test_what_decides_by_stage_is_asked_for_the_start_of_a_trace_only() -> None:
    """It is told the stage, its pipeline and the context; stages below follow, as do those beside below a remote parent."""
    by_stage = ByStage()
    both = SideBySide(by_stage)
    top = both.ours(Context({"k": "v"}))
    both.ours(set_span_in_context(top, Context()))

    assert by_stage.asked == [(top.trace_id, "demo/parse", {"k": "v"})]
    assert (top.sampled, dict(top.attributes_set or {})) == (True, {"why": "by stage"})
    assert both.ours(PARENTS["remote, sampled"]).trace is both.ours(PARENTS["remote, sampled"]).trace


def test_the_ratio_sampler_decides_alike_both_ways() -> None:
    """Asked as a sampler, or by the trace id alone as stages do."""
    for ratio in (0.0, 0.25, 0.5, 1.0):
        sampler = OtelkitRatio(ratio)
        assert isinstance(sampler, RootDecider)
        for trace_id in (LOW, HIGH, *(LOW + (number << 50) for number in range(64))):
            result = sampler.should_sample(Context(), trace_id, "s", attributes={"a": 1})
            keeps = sampler.keeps(trace_id)

            assert (result.decision is KEEP) == keeps
            if keeps:
                assert dict(result.attributes) == {"a": 1, **sampler.root_attributes}
                assert result.trace_state == (sampler.root_state or TraceState())


def test_a_sampler_that_fails_to_describe_itself_is_asked() -> None:
    """Its description is only looked at to save asking."""

    class Unspeakable(Strange):
        def get_description(self) -> str:
            raise RuntimeError("no words")

    unspeakable = Unspeakable(KEEP)
    both = SideBySide(ParentBased(unspeakable))
    top = both.ours()
    below = both.ours(set_span_in_context(top, Context()))

    assert (top.sampled, below.sampled, len(unspeakable.asked)) == (True, True, 1)


class Ids(CountingIds):
    """Says that its trace ids are random, or does not know the question."""

    def is_trace_id_random(self) -> bool:
        return True


def test_ids_are_the_programs_generators() -> None:
    """Trace ids, span ids, and whether they say that they are random."""
    both = SideBySide()
    plain, random = both.ours(), SideBySide(ids=Ids).ours()
    expected = CountingIds()

    assert (plain.trace_id, plain.span_id) == (expected.generate_trace_id(), expected.generate_span_id())
    assert [int(span.get_span_context().trace_flags) for span in (plain, random)] == [1, 3]


def test_stages_and_other_spans_make_one_trace() -> None:
    """A stage below another instrumentation's span, one of these below the stage, and so on."""
    both = SideBySide(ParentBased(TraceIdRatioBased(1.0)))
    context, chain = Context(), []
    for number in range(6):
        span: Span = both.ours(context) if number % 2 else both.stock(context)
        chain.append(span)
        context = set_span_in_context(span, context)
    read: list[ReadableSpan] = [each.readable() if isinstance(each, LightSpan) else each for each in chain]  # type: ignore[misc]  # the SDK's spans can be read

    assert len({span.context.trace_id for span in read if span.context}) == 1
    assert [identity(span.parent) for span in read] == [None, *(identity(span.context) for span in read[:-1])]
