"""Below a parent a span is kept exactly if its parent is, so that traces stay whole."""

from __future__ import annotations

from opentelemetry.sdk.trace.sampling import Decision, SamplingResult
from opentelemetry.trace import SpanContext
from opentelemetry.util.types import Attributes

from otelkit.sampling import tracestate


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
