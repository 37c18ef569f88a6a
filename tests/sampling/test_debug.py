"""What is to be debugged is kept, whatever the sampler says."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.baggage import set_baggage
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_OFF, DEFAULT_ON, Decision, Sampler, SamplingResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from otelkit import names
from otelkit.model.calls import Stage, StageKind
from otelkit.model.contexts import BAGGAGE_KEY
from otelkit.model.sampling import JudgingSampler, LearningSampler, RootKeeper, StageRootDecider
from otelkit.model.steps import Phase, SpanStep
from otelkit.sampling.debug import OtelkitDebug, with_debug
from otelkit.sampling.ratio import OtelkitRatio
from otelkit.sampling.rules import parse_rules
from otelkit.sampling.rules_sampler import OtelkitRules

HIGH_R = 0x1_FFFFFFFFFFFFFF
LOW_R = 0x1_00000000000001
KEY = "otelkit.debug"
SAID = {names.SAMPLING_REASON: "debug", names.SAMPLING_RATE: 1.0}


def debug(within: Sampler, *, always: bool = False, follows_parent: bool = False) -> Any:
    return with_debug(within, always=always, key=KEY, follows_parent=follows_parent)


def baggage(value: str, around: Context | None = None) -> Context:
    return set_baggage(KEY, value, around if around is not None else Context())


def below(header: str, *, sampled: bool, remote: bool = True) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    parent = SpanContext(LOW_R, 1, remote, flags, TraceState.from_header([header]) if header else TraceState())
    return set_span_in_context(NonRecordingSpan(parent), Context())


def header_of(result: SamplingResult) -> str:
    return result.trace_state.to_header() if result.trace_state else ""


def stage(**attributes: Any) -> Stage:
    return Stage("s", StageKind.FUNCTION, attributes=attributes)


@pytest.mark.requirement("TRC-20")
@pytest.mark.parametrize(
    "within",
    [
        pytest.param(ALWAYS_OFF, id="a sampler that is no more than that"),
        pytest.param(DEFAULT_OFF, id="parent-based"),
        pytest.param(OtelkitRatio(0.0), id="one that goes by trace id"),
        pytest.param(OtelkitRules(parse_rules(["* -> 0"], "test")), id="one that goes by stage"),
    ],
)
def test_a_trace_with_the_baggage_entry_is_kept_around_any_sampler(within: Sampler) -> None:
    """It says why, at which rate, and that it counts once; without the entry nothing changes."""
    sampler = debug(within)
    kept = sampler.should_sample(baggage("1"), LOW_R, "s", attributes={"a": 1})

    assert (kept.decision, header_of(kept)) == (Decision.RECORD_AND_SAMPLE, "ot=th:0")
    assert dict(kept.attributes) == {"a": 1, **SAID}
    assert sampler.should_sample(Context(), LOW_R, "s").decision is Decision.DROP


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("1", True),
        ("true", True),
        ("yes please", True),
        ("0", False),
        ("False", False),
        ("no", False),
        ("off", False),
        ("", False),
    ],
)
def test_what_says_no_does_not_count(value: str, kept: bool) -> None:
    """A caller may switch it off."""
    decision = debug(OtelkitRatio(0.0)).should_sample(baggage(value), LOW_R, "s").decision

    assert (decision is Decision.RECORD_AND_SAMPLE) is kept


@pytest.mark.parametrize(
    ("value", "kept"), [("1", True), (True, True), (["0", "1"], True), (("0",), False), (0, False)]
)
def test_an_attribute_of_the_first_span_counts_as_well(value: Any, kept: bool) -> None:
    """As from a request header that another instrumentation puts on its span when it starts, or from a stage's decorator."""
    sampler = debug(OtelkitRatio(0.0))
    asked = sampler.should_sample(Context(), LOW_R, "s", attributes={KEY: value})
    quick = sampler.decide_root(LOW_R, stage(**{KEY: value}), "p", Context())

    assert (asked.decision is Decision.RECORD_AND_SAMPLE) is kept
    assert (quick is not None) is kept


def test_the_current_context_counts_where_none_is_given() -> None:
    """As for a span that is started without one."""
    token = attach(baggage("1"))
    try:
        decision = debug(ALWAYS_OFF).should_sample(None, LOW_R, "s").decision
    finally:
        detach(token)

    assert decision is Decision.RECORD_AND_SAMPLE


@pytest.mark.parametrize("sampled", [True, False])
def test_below_a_remote_parent_it_counts_whatever_was_decided_there(sampled: bool) -> None:
    """With `th:0`, since all of them are kept here; randomness and other vendors' entries travel on."""
    context = baggage("1", below("v=1,ot=th:8;rv:00000000000001", sampled=sampled))
    result = debug(OtelkitRatio(0.1)).should_sample(context, LOW_R, "s")

    assert (result.decision, header_of(result)) == (Decision.RECORD_AND_SAMPLE, "ot=th:0;rv:00000000000001,v=1")
    assert dict(result.attributes) == SAID


def test_a_local_child_does_as_its_parent() -> None:
    """Half a trace would explain nothing."""
    sampler = debug(OtelkitRatio(1.0))
    result = sampler.should_sample(baggage("1", below("", sampled=False, remote=False)), LOW_R, "s")

    assert result.decision is Decision.DROP


def test_a_forced_trace_stays_whole_around_a_sampler_that_does_not_look_at_parents() -> None:
    """`always_off` would drop every child."""
    sampler = debug(ALWAYS_OFF)
    child = sampler.should_sample(below("ot=th:0", sampled=True, remote=False), LOW_R, "s", attributes={"a": 1})
    of_another = sampler.should_sample(below("ot=th:8", sampled=True, remote=False), LOW_R, "s")

    assert (child.decision, header_of(child), dict(child.attributes)) == (
        Decision.RECORD_AND_SAMPLE,
        "ot=th:0",
        {"a": 1},
    )
    assert of_another.decision is Decision.DROP


def test_the_setting_keeps_every_trace() -> None:
    """Also below a remote parent that was not kept, and for stages without asking each."""
    sampler = with_debug(ALWAYS_OFF, always=True, key="")

    assert sampler.should_sample(Context(), LOW_R, "s").decision is Decision.RECORD_AND_SAMPLE
    assert sampler.should_sample(below("", sampled=False), LOW_R, "s").decision is Decision.RECORD_AND_SAMPLE
    assert isinstance(sampler, StageRootDecider)
    assert sampler.get_description() == "OtelkitDebug{every trace}"


def test_stages_are_decided_on_as_the_sampler_within_does() -> None:
    """Whichever way it decides: by trace id, by stage, or by a whole description."""
    for within in (OtelkitRatio(0.5), OtelkitRules(parse_rules(["stage=s -> 0.5"], "test"))):
        sampler = debug(within)
        kept = sampler.decide_root(HIGH_R, stage(), "p", Context())

        assert (kept[0].to_header(), kept[1][names.SAMPLING_RATE]) == ("ot=th:8", 0.5)
        assert sampler.decide_root(LOW_R, stage(), "p", Context()) is None
        assert sampler.decide_root(LOW_R, stage(), "p", baggage("1"))[1] == SAID
    around_another = debug(DEFAULT_ON, follows_parent=True)

    assert around_another.decide_root(LOW_R, stage(a=1), "p", Context()) == (None, {})
    off = with_debug(DEFAULT_OFF, always=False, key=KEY, follows_parent=True, known=False)
    assert isinstance(off, StageRootDecider)
    assert off.decide_root(LOW_R, stage(), "p", Context()) is None
    assert off.decide_root(LOW_R, stage(), "p", baggage("1")) is not None


def test_a_sampler_that_does_not_say_what_children_do_is_asked_for_each_span() -> None:
    """Nothing is assumed of a stranger's."""
    sampler = debug(ALWAYS_OFF)

    assert type(sampler) is OtelkitDebug
    assert not isinstance(sampler, StageRootDecider)


def test_where_every_root_is_kept_anyway_stages_need_not_ask() -> None:
    """The default costs no more for it."""
    default = with_debug(DEFAULT_ON, always=False, key=KEY, follows_parent=True, known=True)
    always = with_debug(DEFAULT_ON, always=True, key=KEY, follows_parent=True, known=True)

    assert isinstance(default, RootKeeper)
    assert isinstance(always, RootKeeper)
    # Of these each says why it was kept.
    assert (default.keeps_every_root, always.keeps_every_root) == (True, False)


def test_without_a_key_and_the_setting_the_sampler_stays_as_it_is() -> None:
    """Who wants none of it pays nothing."""
    assert with_debug(ALWAYS_OFF, always=False, key="") is ALWAYS_OFF


class Judge(SpanStep):
    name = "judge"
    phase = Phase.JUDGE


class Judging(OtelkitRatio):
    """Brings a step, and writes down what it has learnt."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.step = Judge()
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_what_a_sampler_learns_and_judges_goes_through() -> None:
    """Its step becomes part of the chain, and it is closed at the end; a plain one has neither."""
    within = Judging()
    sampler = debug(within)

    assert isinstance(sampler, JudgingSampler)
    assert sampler.step is within.step
    assert isinstance(sampler, LearningSampler)
    sampler.close()
    assert within.closed == 1
    assert not isinstance(debug(OtelkitRatio(1.0)), JudgingSampler | LearningSampler)


def test_the_description_has_the_key_and_the_sampler_within() -> None:
    """For `otelkit plan`."""
    assert debug(OtelkitRatio(0.5)).get_description() == "OtelkitDebug{otelkit.debug, else OtelkitRatio{0.5}}"


def test_the_place_of_baggage_in_a_context_is_the_apis_own() -> None:
    """It is asked of the API when otelkit is imported."""
    assert set_baggage("a", "b", Context())[BAGGAGE_KEY] == {"a": "b"}
