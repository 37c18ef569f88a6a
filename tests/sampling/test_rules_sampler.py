"""The sampler that goes by rules."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, SamplingResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from otelkit import names
from otelkit.model.calls import Stage, StageKind
from otelkit.model.sampling import StageRootDecider
from otelkit.sampling.rules import parse_rules
from otelkit.sampling.rules_sampler import OtelkitRules
from tests.sampling.binomial import bounds

HIGH_R = 0x1_FFFFFFFFFFFFFF
LOW_R = 0x1_00000000000001
TRIALS = 20_000


def rules(texts: Sequence[str], otherwise: float = 1.0) -> OtelkitRules:
    return OtelkitRules(parse_rules(texts, "test"), otherwise)


def stage(name: str, **attributes: Any) -> Stage:
    return Stage(name, StageKind.FUNCTION, attributes=attributes)


def header_of(result: SamplingResult) -> str:
    return result.trace_state.to_header() if result.trace_state else ""


def below(*, sampled: bool, remote: bool = True, header: str = "ot=th:8") -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    trace_id = HIGH_R if sampled else LOW_R
    parent = SpanContext(trace_id, 1, remote, flags, TraceState.from_header([header]))
    return set_span_in_context(NonRecordingSpan(parent), Context())


@pytest.mark.requirement("TRC-19")
def test_the_first_rule_that_matches_decides() -> None:
    """By stage and pipeline; the kept trace says the rule, its rate and its threshold."""
    sampler = rules(["never: stage=health* -> 0", "half: pipeline=p -> 0.5", "* -> 1"])

    def kept(name: str, pipeline: str, trace_id: int = HIGH_R) -> tuple[str, Any] | None:
        answer = sampler.decide_root(trace_id, stage(name), pipeline, Context())
        return (
            None if answer is None else (answer[0].to_header() if answer[0] else "", answer[1][names.SAMPLING_REASON])
        )

    assert kept("health.check", "p") is None
    assert kept("work", "p") == ("ot=th:8", "rule:half")
    assert kept("work", "p", LOW_R) is None
    assert kept("work", "q", LOW_R) == ("ot=th:0", "rule:*")


def test_what_no_rule_matches_is_kept_at_the_rate_for_the_rest() -> None:
    """1 unless it is said otherwise."""
    attributes = {names.SAMPLING_REASON: "ratio", names.SAMPLING_RATE: 0.25}
    answer = rules(["stage=a -> 0"], 0.25).decide_root(HIGH_R, stage("b"), "p", Context())

    assert answer is not None
    assert (answer[0].to_header() if answer[0] else "", answer[1]) == ("ot=th:c", attributes)
    assert rules(["stage=a -> 0"]).decide_root(LOW_R, stage("b"), "p", Context()) is not None


def test_a_rule_sees_the_attributes_that_a_span_starts_with() -> None:
    """Those of a stage's decorator, and those that another instrumentation gives."""
    sampler = rules(["customer.tier=gold -> 1", "kind=server http.route=/health* -> 0", "name~^GET -> 0", "* -> 0"])
    gold = stage("a", **{"customer.tier": "gold"})

    assert sampler.decide_root(LOW_R, gold, "p", Context()) is not None
    assert sampler.decide_root(LOW_R, stage("a"), "p", Context()) is None
    result = sampler.should_sample(None, LOW_R, "GET", SpanKind.SERVER, {"customer.tier": "gold"})
    assert result.decision is Decision.RECORD_AND_SAMPLE
    assert dict(result.attributes) == {
        "customer.tier": "gold",
        names.SAMPLING_REASON: "rule:customer.tier=gold",
        names.SAMPLING_RATE: 1.0,
    }


@pytest.mark.parametrize(("kind", "decision"), [(SpanKind.SERVER, Decision.DROP), (None, Decision.RECORD_AND_SAMPLE)])
def test_a_span_without_a_kind_is_internal(kind: SpanKind | None, decision: Decision) -> None:
    """As the SDK has it."""
    sampler = rules(["kind=internal -> 1", "kind=server -> 0"], 0.0)

    assert sampler.should_sample(None, HIGH_R, "s", kind).decision is decision


@pytest.mark.parametrize("remote", [True, False])
def test_children_do_as_their_parent_whatever_the_rules_say(remote: bool) -> None:
    """A remote parent's decision is honoured, with its tracestate."""
    kept = rules(["* -> 0"]).should_sample(below(sampled=True, remote=remote), HIGH_R, "s")
    dropped = rules(["* -> 1"]).should_sample(below(sampled=False, remote=remote), LOW_R, "s")

    assert (kept.decision, header_of(kept)) == (Decision.RECORD_AND_SAMPLE, "ot=th:8")
    assert dropped.decision is Decision.DROP


def test_counts_computed_back_are_right_for_each_rule() -> None:
    """Weighted by their thresholds, kept traces stand for all of their stage; binomial bounds, error probability 1e-6."""
    rng = random.Random(20_261_121)
    sampler = rules(["stage=a -> 0.1", "stage=b -> 1/3", "stage=c -> 0"], 0.5)
    for name, rate in (("a", 0.1), ("b", 1 / 3), ("d", 0.5)):
        one = stage(name)
        kept = sum(sampler.decide_root(rng.getrandbits(128), one, "p", Context()) is not None for _ in range(TRIALS))
        lowest, highest = bounds(TRIALS, rate)

        assert lowest <= kept <= highest


def test_a_stage_and_any_other_span_are_decided_on_alike() -> None:
    """The quick way and the SDK's way say the same of the same span."""
    sampler = rules(["pipeline=q -> 0.5", "stage=a kind=internal -> 0.25", f"{names.STAGE_KIND}=function -> 0.125"])
    rng = random.Random(3)
    for name, pipeline in (("a", "p"), ("a", "q"), ("b", "p")):
        attributes = {names.STAGE_NAME: name, names.PIPELINE_NAME: pipeline, names.STAGE_KIND: "function"}
        for _ in range(200):
            trace_id = rng.getrandbits(128)
            quick = sampler.decide_root(trace_id, stage(name), pipeline, Context())
            asked = sampler.should_sample(None, trace_id, name, SpanKind.INTERNAL, attributes)

            assert (quick is not None) is (asked.decision is Decision.RECORD_AND_SAMPLE)
            if quick is not None:
                assert quick[0] == asked.trace_state
                assert {**attributes, **quick[1]} == dict(asked.attributes)


def test_no_more_stages_are_remembered_than_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages beyond are decided on as well as the others."""
    monkeypatch.setattr("otelkit.sampling.rules_sampler._MOST_STAGES", 10)
    sampler = rules(["stage=s1* -> 0"])
    decided = [sampler.decide_root(HIGH_R, stage(f"s{n}"), "p", Context()) is not None for n in range(30)]

    assert decided == [not str(n).startswith("1") for n in range(30)]
    assert len(sampler._by_stage) == 10


def test_a_stage_that_is_made_anew_for_each_call_is_remembered_once() -> None:
    """As a `with` block in a loop is; one with other attributes is another where rules look at them."""
    by_name = rules(["stage=a -> 0.5"])
    by_attribute = rules(["customer.tier=gold -> 0"])
    for _ in range(100):
        by_name.decide_root(HIGH_R, stage("a"), "p", Context())

    assert len(by_name._by_stage) == 1
    for _ in range(2):
        assert by_attribute.decide_root(HIGH_R, stage("a", **{"customer.tier": "gold"}), "p", Context()) is None
        assert by_attribute.decide_root(HIGH_R, stage("a"), "p", Context()) is not None


def test_what_is_remembered_of_other_spans_is_bounded_and_changes_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for values that Python takes for equal: 1, 1.0 and true."""
    monkeypatch.setattr("otelkit.sampling.rules_sampler._MOST_OTHERS", 10)
    sampler = rules(["cache.hit=true -> 0", "cache.hit=1 -> 0.5", "cache.hit=1.0 -> 0.25", "url.path=/1* -> 0"])

    def reason(**attributes: Any) -> Any:
        answer = sampler.should_sample(None, HIGH_R, "s", SpanKind.SERVER, attributes)
        return None if answer.decision is Decision.DROP else answer.attributes[names.SAMPLING_REASON]

    for _ in range(2):
        assert reason(**{"cache.hit": True}) is None
        assert reason(**{"cache.hit": 1}) == "rule:cache.hit=1"
        assert reason(**{"cache.hit": 1.0}) == "rule:cache.hit=1.0"
        assert reason(**{"cache.hit": [True, 7]}) is None
        for n in range(30):
            assert (reason(**{"url.path": f"/{n}"}) is None) is str(n).startswith("1")
            assert len(sampler._by_values) <= 10


def test_it_says_its_rules() -> None:
    """For `otelkit plan`."""
    sampler = rules(["nightly: pipeline=n -> 1/4", "* -> 0"], 0.1)

    assert sampler.get_description() == "OtelkitRules{nightly -> 0.25; * -> 0; otherwise 0.1}"
    assert isinstance(sampler, StageRootDecider)


@pytest.mark.parametrize("otherwise", [-0.1, 1.1, float("nan")])
def test_a_rate_for_the_rest_that_is_no_share_is_refused(otherwise: float) -> None:
    """The message says what was found and what was expected."""
    with pytest.raises(ValueError, match="expected a number from 0 to 1"):
        rules(["* -> 1"], otherwise)
