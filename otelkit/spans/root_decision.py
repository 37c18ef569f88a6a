"""The head sampler's decision, asked for only where it is not known beforehand."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping
from typing import Final, cast

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased, Sampler
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState, set_span_in_context
from opentelemetry.util.types import AnyValue

from otelkit.model.calls import StageSeries
from otelkit.model.sampling import RootDecider, RootKeeper, StageRootDecider
from otelkit.model.stage_attributes import first_attributes
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
        by_stage = self._decider is None and isinstance(sampler, StageRootDecider)
        self._decide_root = cast("StageRootDecider", sampler).decide_root if by_stage else None
        decides = self._decider is not None or by_stage
        self._always = _known_answer(sampler)
        self._believes_local = decides or _believes(sampler, remote=False)
        self._believes_remote = _believes(sampler, remote=True)
        # `always_on` and `always_off` do not look at the parent; below a stage that they have decided on they decide the same.
        heedless = sampler is ALWAYS_ON or sampler is ALWAYS_OFF
        self.follows_parent = self._believes_local or heedless
        """Whether a child of a stage span is sampled exactly if its parent is, with the same ``tracestate``."""
        self.follows_remote = self._believes_remote or decides or heedless
        """Whether all children of a remote span are decided on alike."""
        self._new_trace_id: Callable[[], int] = id_generator.generate_trace_id
        if type(id_generator) is RandomIdGenerator:
            self._new_trace_id = functools.partial(random.getrandbits, 128)
        # SDK 1.44 does not know the flag yet.
        is_random = getattr(id_generator, "is_trace_id_random", None)
        self._random = RANDOM if is_random is not None and is_random() else 0

    def quick_root(self) -> Callable[[], TraceFacts] | None:
        """Return what makes the facts of a new trace where all are kept or none, or None where it has to be asked.

        It is called for each call that surrounds no other one: by hand, it takes half the time of a constructor.
        """
        if self._always is None:
            return None
        sampled, new_trace_id, new = self._always, self._new_trace_id, TraceFacts.__new__
        flags, followed = (SAMPLED if sampled else 0) | self._random, self.follows_parent

        def root() -> TraceFacts:
            facts = new(TraceFacts)
            facts.trace_id = new_trace_id()
            facts.sampled = facts.recording = sampled
            facts.flags = flags
            facts.state = facts.parent = None
            facts.remote_parent_id = 0
            facts.followed = followed
            return facts

        return root

    def root(self, series: StageSeries, context: Context) -> Placed:
        """Decide on a span with which a trace starts."""
        trace_id = self._new_trace_id()
        if self._always is not None:
            return self._facts(trace_id, self._always, self._random), _NOTHING
        decider = self._decider
        if decider is not None:
            if decider.keeps(trace_id):
                return self._facts(trace_id, True, self._random, decider.root_state), decider.root_attributes
            return self._facts(trace_id, False, self._random), _NOTHING
        if self._decide_root is not None:
            kept = self._decide_root(trace_id, series.stage, series.pipeline, context)
            if kept is None:
                return self._facts(trace_id, False, self._random), _NOTHING
            return self._facts(trace_id, True, self._random, kept[0]), kept[1]
        return self._asked(trace_id, series, context, self._random)

    def below(self, parent: SpanContext, series: StageSeries, context: Context) -> Placed:
        """Decide on a span below one that is not a stage's: another instrumentation's, or a remote one."""
        random_flag = parent.trace_flags & RANDOM
        if self._believes_remote if parent.is_remote else self._believes_local:
            sampled = parent.trace_flags.sampled
            return self._facts(parent.trace_id, sampled, random_flag, parent.trace_state or None, parent), _NOTHING
        return self._asked(parent.trace_id, series, context, random_flag, parent)

    def _facts(
        self,
        trace_id: int,
        sampled: bool,
        random_flag: int,
        state: TraceState | None = None,
        parent: SpanContext | None = None,
    ) -> TraceFacts:
        return TraceFacts(
            trace_id,
            sampled=sampled,
            recording=sampled,
            flags=(SAMPLED if sampled else 0) | random_flag,
            state=state,
            parent=parent,
            followed=self.follows_parent,
        )

    def _asked(
        self, trace_id: int, series: StageSeries, context: Context, random_flag: int, parent: SpanContext | None = None
    ) -> Placed:
        stage = series.stage
        given = first_attributes(stage, series.pipeline)
        answer = self._sampler.should_sample(context, trace_id, stage.name, SpanKind.INTERNAL, given, ())
        sampled = answer.decision is Decision.RECORD_AND_SAMPLE
        recording = answer.decision is not Decision.DROP
        facts = TraceFacts(
            trace_id,
            sampled=sampled,
            recording=recording,
            flags=(SAMPLED if sampled else 0) | random_flag,
            state=answer.trace_state or None,
            parent=parent,
            # Below a span that is recorded and not sampled, those that believe their parents drop.
            followed=self.follows_parent and recording is sampled,
        )
        said = answer.attributes or _NOTHING
        return facts, {key: value for key, value in said.items() if key not in given or given[key] != value}


def _known_answer(sampler: Sampler) -> bool | None:
    """Return whether every root is kept, or none; None: it has to be asked."""
    if isinstance(sampler, RootKeeper) and sampler.keeps_every_root:
        return True
    for root, answer in ((ALWAYS_ON, True), (ALWAYS_OFF, False)):
        if sampler is root:
            return answer
        if type(sampler) is ParentBased and _described(sampler) == _described(ParentBased(root)):
            return answer if _says(sampler, None) is _DECISIONS[answer] else None
    return None


def _believes(sampler: Sampler, *, remote: bool) -> bool:
    """Return whether children of local spans do as their parent, and, if ``remote``, those of remote ones as well."""
    start = ",remote" if remote else ",local"
    usual = start + _described(ParentBased(ALWAYS_ON)).partition(start)[2]
    if type(sampler) is not ParentBased or not _described(sampler).endswith(usual):
        return False
    return all(
        _says(sampler, SpanContext(1, 1, remote, TraceFlags(SAMPLED if sampled else 0))) is decision
        for sampled, decision in _DECISIONS.items()
    )


_DECISIONS: Final = {True: Decision.RECORD_AND_SAMPLE, False: Decision.DROP}


def _says(sampler: Sampler, parent: SpanContext | None) -> Decision:
    # The description tells that it always says the same; not whether that is to keep a span, or only to record it.
    context = Context() if parent is None else set_span_in_context(NonRecordingSpan(parent), Context())
    return sampler.should_sample(context, 1, "", SpanKind.INTERNAL).decision


def _described(sampler: Sampler) -> str:
    # What a parent-based sampler is made of can be asked only this way.
    try:
        return str(sampler.get_description())
    except Exception:  # noqa: BLE001 - a stranger's sampler may be part of it
        return ""
