"""The benchmark of decisions measures the samplers that it names."""

from __future__ import annotations

import random

import pytest
from opentelemetry.sdk.trace.sampling import Decision

from benchmarks import sampler_cost
from benchmarks.sampler_cost import SAMPLERS, by_sdk, by_stage, made, turn
from otelkit._assembly.plan import plan
from otelkit.model.calls import Stage, StageKind, StageSeries


def test_all_of_otelkits_samplers_take_part() -> None:
    """One that is added later has to be measured, too."""
    offered = {name for name, offer in plan(env={}).blueprint.samplers.items() if offer.distribution is None}

    assert offered <= set(SAMPLERS)


@pytest.mark.requirement("PERF-16", "TRC-08")
@pytest.mark.parametrize("name", list(SAMPLERS))
def test_each_decides_both_ways(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made as for a user; every decision is one, for stages and for the SDK."""
    monkeypatch.setattr(sampler_cost, "DECISIONS", 200)
    stages = [StageSeries(Stage(f"s{number}", StageKind.FUNCTION), "demo") for number in range(10)]
    sampler = made(name)
    rng = random.Random(1)
    answers = {sampler.should_sample(None, rng.getrandbits(128), "s", attributes={}).decision for _ in range(200)}

    assert Decision.RECORD_AND_SAMPLE in answers
    assert turn(by_stage(sampler, stages))["us"] > 0
    assert turn(by_sdk(sampler, stages))["us"] > 0
