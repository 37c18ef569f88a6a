"""The step that a sampler brings."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from otelkit._assembly.judging import judging_step, with_judge
from otelkit.model.blueprint import Offered
from otelkit.model.steps import Phase, SpanStep
from tests.sampling.tails import at, tail

pytestmark = pytest.mark.requirement("TRC-17")


class Named(SpanStep):
    def __init__(self, name: str, phase: Phase) -> None:
        self.name = name
        self.phase = phase


def test_the_step_stands_where_its_phase_says() -> None:
    """Behind what changes spans, before what hands them on."""
    sampler, _, _ = tail(at(1.0))
    steps = [Offered("test", "test", Named("enrich", Phase.ENRICH)), Offered("test", "test", Named("a", Phase.EXPORT))]

    assert [each.value.name for each in with_judge(steps, sampler)] == ["enrich", "otelkit_tail", "a"]
    assert with_judge(steps, ALWAYS_ON) == tuple(steps)


def test_a_sampler_inside_a_parent_based_one_is_found() -> None:
    """Declarative configuration files write it so."""
    sampler, _, _ = tail(at(1.0))
    found = judging_step(ParentBased(sampler))

    assert found is not None
    assert found.value is sampler.step
    assert found.distribution is None


def test_a_strangers_sampler_brings_a_strangers_step() -> None:
    """Its faults are told as its own; something else that is called so is no step."""

    class Stranger:
        step = Named("judge", Phase.JUDGE)

    class Ladder:
        step = 3

    Stranger.__module__ = "strange.samplers"
    found = judging_step(Stranger())

    assert found is not None
    assert found.distribution == "strange"
    assert judging_step(Ladder()) is None
