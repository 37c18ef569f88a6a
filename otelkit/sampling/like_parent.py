"""Below a parent a span is kept exactly if its parent is, so that traces stay whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

from otelkit.model.sampling import KeptRoot
from otelkit.sampling import tracestate


class DecidesAtRoots(Sampler):
    """A sampler that decides on spans with which a trace starts; all others do as their parent, a remote one included."""

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
        # The SDK passes no trace_state (opentelemetry-python #5578): the parent's is in the context.
        parent = get_current_span(parent_context).get_span_context()
        if parent.is_valid:
            return like_parent(parent, attributes)
        kept = self.kept_root(trace_id, name, kind or SpanKind.INTERNAL, attributes)
        if kept is None:
            return SamplingResult(Decision.DROP)
        state, said = kept
        return SamplingResult(Decision.RECORD_AND_SAMPLE, {**(attributes or {}), **said}, state)

    @abstractmethod
    def kept_root(self, trace_id: int, name: str, kind: SpanKind, attributes: Attributes) -> KeptRoot | None:
        """Return what a kept trace carries that starts with a span of no stage; None: it is not kept."""


def like_parent(parent: SpanContext, attributes: Attributes) -> SamplingResult:
    """Return the parent's decision for a span below it, with the parent's ``tracestate``.

    A remote parent is believed. If its ``th`` is malformed, or contradicts the decision, the probability is unknown: ``th`` is
    taken out, and nothing else in ``tracestate`` changes. Where it has none, none is written.
    """
    state = parent.trace_state
    if parent.is_remote and tracestate.has_threshold(state) and not _consistent(parent):
        state = tracestate.without_threshold(state)
    if parent.trace_flags.sampled:
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, state)
    return SamplingResult(Decision.DROP, None, state)


def _consistent(parent: SpanContext) -> bool:
    """Say whether ``th`` is well formed and explains the parent's decision."""
    threshold = tracestate.threshold_of(parent.trace_state)
    if threshold is None:
        return False
    kept = tracestate.randomness(parent.trace_id, parent.trace_state) >= threshold
    return kept == parent.trace_flags.sampled
