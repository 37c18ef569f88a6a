"""Samplers that decide where a trace starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags
from opentelemetry.util.types import Attributes

import otelkit.sampling
from otelkit.model.sampling import KeptRoot
from otelkit.sampling import tracestate
from otelkit.sampling.adaptive import OtelkitAdaptive
from otelkit.sampling.like_parent import DecidesAtRoots
from otelkit.sampling.ratio import OtelkitRatio
from otelkit.sampling.rules_sampler import OtelkitRules
from otelkit.sampling.tail import OtelkitTail

HALF = tracestate.with_threshold(None, tracestate.SCALE // 2)


class Even(DecidesAtRoots):
    """Keeps traces with an even id."""

    def kept_root(self, trace_id: int, name: str, kind: SpanKind, attributes: Attributes) -> KeptRoot | None:
        return None if trace_id % 2 else (HALF, {"kind": kind.name})

    def get_description(self) -> str:
        return "Even"


def test_a_root_gets_what_the_sampler_says_and_keeps_its_own_attributes() -> None:
    """Or is left out, with nothing said."""
    kept = Even().should_sample(None, 2, "work", None, {"own": 1})
    dropped = Even().should_sample(None, 1, "work", None, {"own": 1})

    assert (kept.decision, kept.trace_state, dict(kept.attributes)) == (
        *(Decision.RECORD_AND_SAMPLE, HALF),
        {"own": 1, "kind": "INTERNAL"},
    )
    assert (dropped.decision, dict(dropped.attributes)) == (Decision.DROP, {})


@pytest.mark.parametrize("sampled", [True, False])
@pytest.mark.parametrize("is_remote", [True, False])
def test_below_a_parent_the_sampler_is_not_asked(sampled: bool, is_remote: bool) -> None:
    """What it would say of an odd or an even id does not count."""
    parent = SpanContext(2, 1, is_remote, TraceFlags(int(sampled)))
    context = trace.set_span_in_context(NonRecordingSpan(parent))
    wanted = Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP

    assert [Even().should_sample(context, trace_id, "work").decision for trace_id in (1, 2)] == [wanted] * 2


def test_it_stands_once() -> None:
    """All samplers of ours that decide at roots follow parents by the same code."""
    ours: list[type[Sampler]] = [OtelkitRatio, OtelkitRules, OtelkitAdaptive, OtelkitTail]
    files = Path(otelkit.sampling.__path__[0]).glob("*.py")

    assert {each.should_sample for each in ours} == {DecidesAtRoots.should_sample}
    assert [path.name for path in files if "like_parent(parent" in path.read_text()] == ["like_parent.py"]
