"""The head sampler's decision, asked for only where it is not known beforehand."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased, Sampler
from opentelemetry.trace import SpanContext, SpanKind, TraceState
from opentelemetry.util.types import AnyValue

from otelkit import names
from otelkit.model.calls import StageSeries
from otelkit.model.sampling import RootDecider
from otelkit.spans.trace_facts import RANDOM, SAMPLED, TraceFacts

_NOTHING: Final[Mapping[str, AnyValue]] = {}
Placed = tuple[TraceFacts, Mapping[str, AnyValue]]
"""What holds for the trace, and the attributes that the sampler puts on the span itself."""


class RootDecision:
    """Decides on spans that are no children of stage spans, and says whether stage spans may just follow their parents.

    Args:
        sampler: The head sampler.
        id_generator: Makes trace ids.
    """

    def __init__(self, sampler: Sampler, id_generator: IdGenerator) -> None:
        self._sampler = sampler
        self._decider = sampler if isinstance(sampler, RootDecider) else None
        self._always = _known_answer(sampler)
        self._believes_local = self._decider is not None or _believes_parent(sampler)
        # `always_on` and `always_off` do not look at the parent; below a stage that they have decided on they decide the same.
        self.follows_parent = self._believes_local or sampler is ALWAYS_ON or sampler is ALWAYS_OFF
        """Whether a child of a stage span is sampled exactly if its parent is, with the same ``tracestate``."""
        self._new_trace_id: Callable[[], int] = id_generator.generate_trace_id
        if type(id_generator) is RandomIdGenerator:
            self._new_trace_id = lambda: random.getrandbits(128)
        # SDK 1.44 does not know the flag yet.
        is_random = getattr(id_generator, "is_trace_id_random", None)
        self._random = RANDOM if is_random is not None and is_random() else 0

    def root(self, series: StageSeries, context: Context) -> Placed:
        """Decide on a span with which a trace starts."""
        trace_id = self._new_trace_id()
        if self._always is not None:
            return _facts(trace_id, self._always, self._random), _NOTHING
        decider = self._decider
        if decider is not None:
            if decider.keeps(trace_id):
                return _facts(trace_id, True, self._random, decider.root_state), decider.root_attributes
            return _facts(trace_id, False, self._random), _NOTHING
        return self._asked(trace_id, series, context, self._random, 0)

    def below(self, parent: SpanContext, series: StageSeries, context: Context) -> Placed:
        """Decide on a span below one that is not a stage's: another instrumentation's, or a remote one."""
        remote_id = parent.span_id if parent.is_remote else 0
        random_flag = parent.trace_flags & RANDOM
        if self._believes_local and not parent.is_remote:
            sampled = parent.trace_flags.sampled
            return _facts(parent.trace_id, sampled, random_flag, parent.trace_state or None), _NOTHING
        return self._asked(parent.trace_id, series, context, random_flag, remote_id)

    def _asked(self, trace_id: int, series: StageSeries, context: Context, random_flag: int, remote_id: int) -> Placed:
        stage = series.stage
        given: dict[str, Any] = {  # Any: attribute values
            names.PIPELINE_NAME: series.pipeline,
            names.STAGE_NAME: stage.name,
            names.STAGE_KIND: stage.kind.value,
            **({names.CODE_FUNCTION: stage.function} if stage.function is not None else {}),
            **stage.attributes,
        }
        answer = self._sampler.should_sample(context, trace_id, stage.name, SpanKind.INTERNAL, given, ())
        sampled = answer.decision is Decision.RECORD_AND_SAMPLE
        facts = TraceFacts(
            trace_id,
            sampled=sampled,
            recording=answer.decision is not Decision.DROP,
            flags=(SAMPLED if sampled else 0) | random_flag,
            state=answer.trace_state or None,
            remote_parent_id=remote_id,
        )
        said = answer.attributes or _NOTHING
        return facts, {key: value for key, value in said.items() if key not in given or given[key] != value}


def _facts(trace_id: int, sampled: bool, random_flag: int, state: TraceState | None = None) -> TraceFacts:
    return TraceFacts(
        trace_id, sampled=sampled, recording=sampled, flags=(SAMPLED if sampled else 0) | random_flag, state=state
    )


def _known_answer(sampler: Sampler) -> bool | None:
    """Return whether every root is kept, or none; None: it has to be asked."""
    for root, answer in ((ALWAYS_ON, True), (ALWAYS_OFF, False)):
        if sampler is root or (_believes_parent(sampler) and _described(sampler) == _described(ParentBased(root))):
            return answer
    return None


def _believes_parent(sampler: Sampler) -> bool:
    """Return whether local children do as their parent."""
    usual = _described(ParentBased(ALWAYS_ON)).partition(",local")[2]
    return type(sampler) is ParentBased and _described(sampler).endswith(usual)


def _described(sampler: Sampler) -> str:
    # What a parent-based sampler is made of can be asked only this way.
    return str(sampler.get_description())
