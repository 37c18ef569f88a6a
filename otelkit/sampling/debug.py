"""Keep a trace because somebody is looking for it, whatever the sampler would say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Link, SpanContext, SpanKind, TraceState
from opentelemetry.util.types import AnyValue, Attributes

from otelkit import names
from otelkit.model.calls import AttributeValue, Stage
from otelkit.model.contexts import BAGGAGE_KEY, SPAN_KEY
from otelkit.model.sampling import JudgingSampler, KeptRoot, LearningSampler, RootDecider, StageRootDecider
from otelkit.sampling import tracestate

REASON: Final = "debug"
_SAID: Final[Mapping[str, AttributeValue]] = {names.SAMPLING_REASON: REASON, names.SAMPLING_RATE: 1.0}
_NOTHING: Final[Mapping[str, AttributeValue]] = {}
_STATE: Final = tracestate.with_threshold(None, 0)
_NO: Final = frozenset({"", "0", "false", "no", "off"})


def with_debug(
    sampler: Sampler, *, always: bool, key: str, follows_parent: bool = False, known: bool | None = None
) -> Sampler:
    """Return a sampler that keeps what is to be debugged, and else does as ``sampler``.

    Args:
        sampler: The one that was chosen.
        always: Whether every trace is kept.
        key: Name of the baggage entry, or of the attribute of a span that starts, that keeps a trace; "": there is none.
        follows_parent: Whether ``sampler`` is one of OpenTelemetry's that let local children do as their parent. Of
            `RootDecider` and `StageRootDecider` it is known.
        known: True if ``sampler`` keeps whatever starts here, and says nothing of it; False if it keeps nothing of that.
    """
    if not always and not key:
        return sampler
    if follows_parent or always or isinstance(sampler, RootDecider | StageRootDecider):
        return OtelkitDebugRoots(sampler, always=always, key=key, known=known)
    return OtelkitDebug(sampler, always=always, key=key)


class OtelkitDebug(Sampler):
    """Keeps a trace that is to be debugged, where it starts or enters this process, and else does as another sampler.

    A trace is to be debugged if the setting says so of all, if the baggage has the entry ``key`` (a request with the header
    ``baggage: otelkit.debug=1``), or if the span with which it starts has that attribute; ``0``, ``false``, ``no`` and ``off``
    do not count. It carries ``th:0``, since all such traces are kept: counts derived from it stay true. This is so below a
    remote parent, too, whether that was kept or not; a local child does as its parent.

    Thread-safe, and safe to fork, as far as ``within`` is. What ``within`` learns or judges is passed through.
    """

    def __init__(self, within: Sampler, *, always: bool, key: str) -> None:
        self.within = within
        self._always = always
        self._key = key
        if isinstance(within, JudgingSampler):
            self.step = within.step
        if isinstance(within, LearningSampler):
            self.close = within.close

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
        """Decide on one span that starts."""
        context = get_current() if parent_context is None else parent_context
        around: Any = context.get(SPAN_KEY)  # Any: the API's own value under its own key
        parent: SpanContext = INVALID_SPAN_CONTEXT if around is None else around.get_span_context()
        if parent.is_remote or not parent.is_valid:
            if self._forced(context, attributes):
                return SamplingResult(Decision.RECORD_AND_SAMPLE, {**(attributes or {}), **_SAID}, _state_below(parent))
        elif parent.trace_flags.sampled and self._was_forced(parent):
            # Half a trace would explain nothing.
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, parent.trace_state)
        # As the SDK asks: some samplers take no more.
        return self.within.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        """Return what is debugged, and the sampler that decides on everything else."""
        if self._always:
            return "OtelkitDebug{every trace}"
        return f"OtelkitDebug{{{self._key}, else {self.within.get_description()}}}"

    def _was_forced(self, parent: SpanContext) -> bool:
        """Say whether a local parent, which is sampled, may be so against the will of ``within``."""
        return tracestate.threshold_of(parent.trace_state) == 0

    def _forced(self, context: Context, attributes: Mapping[str, AnyValue] | None) -> bool:
        if self._always:
            return True
        baggage = context.get(BAGGAGE_KEY)
        if isinstance(baggage, dict) and _says_yes(baggage.get(self._key)):
            return True
        return attributes is not None and _says_yes(attributes.get(self._key))


class OtelkitDebugRoots(OtelkitDebug):
    """The same, around a sampler that lets local children do as their parent: stages need not ask for each call.

    Implements `model.sampling.StageRootDecider`.
    """

    def __init__(self, within: Sampler, *, always: bool, key: str, known: bool | None = None) -> None:
        super().__init__(within, always=always, key=key)
        self.keeps_every_root = bool(known) and not always
        """Whether a trace that starts here is kept anyway, without anything to say of it."""
        self._keeps_none = known is False
        self._drops_children = within is ALWAYS_OFF
        self._by_id = within if isinstance(within, RootDecider) else None
        self._by_stage = within if isinstance(within, StageRootDecider) and self._by_id is None else None

    def _was_forced(self, parent: SpanContext) -> bool:
        # All others let children do as their parent.
        return self._drops_children

    def decide_root(self, trace_id: int, stage: Stage, pipeline: str, context: Context) -> KeptRoot | None:
        """Return what a kept trace carries that starts with a stage; None: it is not kept."""
        if self._forced(context, stage.attributes):
            return _STATE, _SAID
        if self._keeps_none:
            return None
        if self._by_id is not None:
            return (self._by_id.root_state, self._by_id.root_attributes) if self._by_id.keeps(trace_id) else None
        if self._by_stage is not None:
            return self._by_stage.decide_root(trace_id, stage, pipeline, context)
        # One of OpenTelemetry's own, which look at no attributes.
        answer = self.within.should_sample(context, trace_id, stage.name, SpanKind.INTERNAL, None, ())
        return (answer.trace_state or None, _NOTHING) if answer.decision is Decision.RECORD_AND_SAMPLE else None


def _state_below(parent: SpanContext) -> TraceState:
    return tracestate.with_threshold(parent.trace_state, 0) if parent.is_valid else _STATE


def _says_yes(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NO
    if isinstance(value, list | tuple):
        return any(map(_says_yes, value))
    return bool(value)
