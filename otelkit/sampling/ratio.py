"""Keep a fixed share of all traces, so that every process decides alike and every kept span tells its probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

from otelkit import names
from otelkit.model.calls import AttributeValue
from otelkit.sampling import tracestate
from otelkit.sampling.like_parent import like_parent


class OtelkitRatio(Sampler):
    """Keeps a trace with probability ``ratio``, decided where the trace starts; children do as their parent.

    The decision is consistent: it depends on the trace id alone, so that a trace kept at a smaller ratio is also kept at any
    greater one. A kept trace says its probability in ``tracestate`` (``ot=th:…``, ``th:0`` at 100 %), from which counts can be
    computed back: each span stands for 1 / ratio spans.

    Implements `model.sampling.RootDecider`: stages need not be described to be decided on.

    Args:
        ratio: Share of traces to keep, 0 to 1.

    Raises:
        ValueError: The ratio is not a number from 0 to 1.

    Source: OpenTelemetry specification, "Probability sampling": keep iff R >= T, T = (1 - ratio)·2⁵⁶.
    """

    def __init__(self, ratio: float) -> None:
        if not 0.0 <= ratio <= 1.0:  # also false for NaN
            raise ValueError(f"ratio is {ratio!r}; expected a number from 0 to 1")
        self.ratio = float(ratio)
        self._threshold = tracestate.threshold_for(self.ratio)
        # Shared by all traces that start here: a TraceState never changes.
        self.root_state = (
            tracestate.with_threshold(None, self._threshold) if self._threshold < tracestate.SCALE else None
        )
        self.root_attributes: Mapping[str, AttributeValue] = {
            names.SAMPLING_REASON: "ratio",
            names.SAMPLING_RATE: self.ratio,
        }

    def keeps(self, trace_id: int) -> bool:
        """Return whether the trace that starts with this id is kept."""
        return (trace_id & (tracestate.SCALE - 1)) >= self._threshold

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
        if not self.keeps(trace_id):
            return SamplingResult(Decision.DROP)
        marked = {**(attributes or {}), **self.root_attributes}
        return SamplingResult(Decision.RECORD_AND_SAMPLE, marked, self.root_state)

    def get_description(self) -> str:
        """Return the sampler's name and ratio."""
        return f"OtelkitRatio{{{self.ratio:g}}}"
