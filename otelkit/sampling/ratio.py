"""Keep a fixed share of all traces, so that every process decides alike and every kept span tells its probability."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import Attributes

from otelkit import names
from otelkit.model.calls import AttributeValue
from otelkit.model.sampling import KeptRoot
from otelkit.sampling import tracestate
from otelkit.sampling.like_parent import DecidesAtRoots


class OtelkitRatio(DecidesAtRoots):
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

    def kept_root(self, trace_id: int, name: str, kind: SpanKind, attributes: Attributes) -> KeptRoot | None:
        """Return what a kept trace carries; None: it is not kept."""
        return (self.root_state, self.root_attributes) if self.keeps(trace_id) else None

    def get_description(self) -> str:
        """Return the sampler's name and ratio."""
        return f"OtelkitRatio{{{self.ratio:g}}}"
