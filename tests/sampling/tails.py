"""Ended spans, judges and tails made for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from hypothesis import strategies as st
from opentelemetry.trace import TraceState

from otelkit.model.calls import AttributeValue
from otelkit.model.traces import FragmentEnd, TraceSummary, Verdict
from otelkit.sampling import tracestate
from otelkit.sampling.tail import OtelkitTail
from otelkit.sampling.trace_buffer import BufferLimits
from otelkit.testing import FakeClock

MILLISECOND = 1_000_000
EVERYTHING = OtelkitTail.root_state
ROOMY = BufferLimits(bytes=32 << 20, spans=50_000, traces=10_000, age_s=30.0)


@dataclass(slots=True)
class Made:
    """An ended span, without an SDK. Implements `EndedSpan`."""

    trace_id: int
    span_id: int
    parent_id: int = 0
    is_local_root: bool = False
    name: str = "span"
    start_unix_ns: int = 0
    duration_ns: int = MILLISECOND
    failed: bool = False
    error_type: str | None = None
    error_frame: str | None = None
    stage_name: str | None = "stage"
    pipeline: str | None = "pipeline"
    trace_state: TraceState | None = field(default_factory=lambda: EVERYTHING)
    held_bytes: int = 500
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    @property
    def end_unix_ns(self) -> int:
        return self.start_unix_ns + self.duration_ns

    @property
    def threshold(self) -> int | None:
        """As its tracestate says it."""
        return tracestate.threshold_of(self.trace_state)

    def attribute(self, key: str) -> Any:
        return self.attributes.get(key)

    def marked(self, trace_state: TraceState | None, attributes: Mapping[str, AttributeValue]) -> Self:
        return replace(self, trace_state=trace_state, attributes={**self.attributes, **attributes})


def root(trace_id: int, span_id: int = 1, parent_id: int = 0, **more: Any) -> Made:
    """Return a local root that has ended."""
    return Made(trace_id, span_id, parent_id, is_local_root=True, **more)


def child(trace_id: int, span_id: int, parent_id: int = 1, **more: Any) -> Made:
    """Return a span below another one of this process."""
    return Made(trace_id, span_id, parent_id, **more)


class AskedJudge:
    """Answers what a function says, and remembers what it was asked."""

    def __init__(self, answer: Callable[[TraceSummary], Verdict | None]) -> None:
        self._answer = answer
        self.asked: list[TraceSummary] = []
        self.open: list[tuple[TraceSummary, Verdict]] = []

    def judge(self, trace: TraceSummary, now_ns: int) -> Verdict | None:
        self.asked.append(trace)
        return self._answer(trace)

    def decided(self, now_ns: int, *, at_once: bool = False) -> Sequence[tuple[TraceSummary, Verdict]]:
        decided, self.open = self.open, []
        return decided

    @property
    def ends(self) -> list[FragmentEnd]:
        return [trace.end for trace in self.asked]


def at(probability: float, reason: str = "normal") -> Callable[[TraceSummary], Verdict]:
    """Return what keeps failed fragments, and the others with a probability."""

    def answer(trace: TraceSummary) -> Verdict:
        own = 0 if trace.failed else tracestate.threshold_for(probability)
        if trace.parent_threshold is None:
            return Verdict(True, None, "parent", 1.0)
        threshold = max(own, trace.parent_threshold)
        rate = (tracestate.SCALE - threshold) / tracestate.SCALE
        return Verdict(trace.randomness >= threshold, threshold, "error" if trace.failed else reason, rate)

    return answer


def tail(
    answer: Callable[[TraceSummary], Verdict | None], limits: BufferLimits = ROOMY, **more: Any
) -> tuple[OtelkitTail, AskedJudge, FakeClock]:
    """Return a tail sampler, its judge and its clock."""
    clock, judge = FakeClock(), AskedJudge(answer)
    return OtelkitTail(judge, limits, clock=clock, **more), judge, clock


@st.composite
def forests(draw: st.DrawFn) -> list[Made]:
    """Draw spans of one trace in any order, below each other or below what is not there."""
    count = draw(st.integers(1, 12))
    spans = [
        child(1, number, draw(st.integers(0, number - 1)) + 100 * draw(st.booleans())) for number in range(1, count)
    ]
    return draw(st.permutations(spans))
