"""otelkit's samplers as contestants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision

from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.spans import MadeSpan
from benchmarks.samplers.traffic import MadeTrace
from otelkit import names
from otelkit.model.calls import Stage, StageKind
from otelkit.model.traces import EndedSpan, Fingerprint, FragmentEnd, TraceSummary, Verdict
from otelkit.sampling.adaptive import OtelkitAdaptive
from otelkit.sampling.classes import KeepPolicy
from otelkit.sampling.judgement import Judge
from otelkit.sampling.ratio import OtelkitRatio
from otelkit.sampling.rules import parse_rules
from otelkit.sampling.rules_sampler import OtelkitRules
from otelkit.sampling.tail import OtelkitTail
from otelkit.sampling.trace_buffer import BufferLimits
from otelkit.sampling.tracestate import threshold_of

_NO_CONTEXT: Final = Context()
USUAL_LIMITS: Final = BufferLimits(bytes=32 << 20, spans=50_000, traces=10_000, age_s=30.0)
"""As the settings have them."""


class Ratio(Contestant):
    """`otelkit_ratio`."""

    name = "otelkit_ratio"

    def __init__(self, share: float, seed: int = 0) -> None:
        super().__init__(seed)
        self._sampler = OtelkitRatio(share)

    def starts(self, trace: MadeTrace) -> None:
        said = self._sampler.should_sample(None, trace.trace_id, trace.stage)
        if said.decision is Decision.RECORD_AND_SAMPLE:
            self.keep(trace, threshold_of(said.trace_state), reason="ratio")


class Rules(Contestant):
    """`otelkit_rules`."""

    name = "otelkit_rules"

    def __init__(self, rules: Sequence[str], otherwise: float = 1.0, seed: int = 0) -> None:
        super().__init__(seed)
        self._sampler = OtelkitRules(parse_rules(rules, "the contest"), otherwise)
        self._stages: dict[tuple[str, str], Stage] = {}

    def starts(self, trace: MadeTrace) -> None:
        stage = self._stages.get(trace.key)
        if stage is None:
            stage = self._stages[trace.key] = Stage(trace.stage, StageKind.FUNCTION)
        found = self._sampler.decide_root(trace.trace_id, stage, trace.pipeline, _NO_CONTEXT)
        if found is not None:
            self.keep(trace, threshold_of(found[0]), reason=str(found[1][names.SAMPLING_REASON]))


class Judged(Contestant):
    """What `otelkit_tail` decides by, without the buffer before it."""

    name = "otelkit_tail (its judge)"

    def __init__(self, policy: KeepPolicy | None = None, seed: int = 0) -> None:
        super().__init__(seed)
        self.judge = Judge(policy or KeepPolicy())
        self.thresholds: dict[int, int | None] = {}
        """Of every trace by its number, kept or not."""
        self._open: dict[int, MadeTrace] = {}

    def ends(self, trace: MadeTrace) -> None:
        summary = summed_up(trace)
        verdict = self.judge.judge(summary, self.now_ns)
        if verdict is None:
            self._open[trace.trace_id] = trace
        else:
            self._note(trace, verdict)
        self._note_open(at_once=False)

    def tick(self) -> None:
        self._note_open(at_once=False)

    def close(self) -> None:
        self._note_open(at_once=True)

    def held_spans(self) -> int:
        return sum(trace.spans for trace in self._open.values())

    def _note_open(self, *, at_once: bool) -> None:
        for summary, verdict in self.judge.decided(self.now_ns, at_once=at_once):
            self._note(self._open.pop(summary.trace_id), verdict)

    def _note(self, trace: MadeTrace, verdict: Verdict) -> None:
        if self.writes_down:
            self.thresholds[trace.number] = verdict.threshold
        if verdict.keep:
            self.keep(trace, verdict.threshold, reason=verdict.reason)


class Adaptive(Contestant):
    """`otelkit_adaptive`."""

    name = "otelkit_adaptive"

    def __init__(self, target_per_s: float, window_s: float = 10.0, seed: int = 0) -> None:
        super().__init__(seed)
        self.sampler = OtelkitAdaptive(target_per_s, window_s=window_s, clock=self.clock)
        self._stages: dict[tuple[str, str], Stage] = {}

    def starts(self, trace: MadeTrace) -> None:
        stage = self._stages.get(trace.key)
        if stage is None:
            stage = self._stages[trace.key] = Stage(trace.stage, StageKind.FUNCTION)
        found = self.sampler.decide_root(trace.trace_id, stage, trace.pipeline, _NO_CONTEXT)
        if found is not None:
            self.keep(trace, threshold_of(found[0]), reason="adaptive")


class Tail(Contestant):
    """`otelkit_tail`: its step, with its buffer, span by span."""

    name = "otelkit_tail"
    by_span = True

    def __init__(self, policy: KeepPolicy | None = None, limits: BufferLimits = USUAL_LIMITS, seed: int = 0) -> None:
        super().__init__(seed)
        self.judge = Judge(policy or KeepPolicy())
        self.sampler = OtelkitTail(self.judge, limits, clock=self.clock)
        self.left: list[MadeSpan] = []
        """Every span that is kept, in the order in which they leave."""

    def child_ends(self, trace: MadeTrace, index: int) -> None:
        self._leave(self.sampler.step.on_ended((MadeSpan(trace, index, self.sampler.root_state),)))

    def ends(self, trace: MadeTrace) -> None:
        self.child_ends(trace, trace.spans - 1)

    def tick(self) -> None:
        self._leave(self.sampler.step.due(self.clock.now_ns()))

    def close(self) -> None:
        self._leave(self.sampler.step.rest(1.0))

    def held_spans(self) -> int:
        return self.sampler.step.held()

    def _leave(self, spans: Sequence[EndedSpan]) -> None:
        for span in spans:
            assert isinstance(span, MadeSpan)
            if self.writes_down:
                self.left.append(span)
            if span.is_local_root:
                self.keep(span.trace, threshold_of(span.trace_state), reason=span.attribute(names.SAMPLING_REASON))


def summed_up(trace: MadeTrace) -> TraceSummary:
    """Return what a judge gets to know of a trace that has ended."""
    error = (Fingerprint(*trace.fingerprint),) if trace.fingerprint is not None else ()
    return TraceSummary(
        trace_id=trace.trace_id,
        randomness=trace.randomness,
        pipeline=trace.pipeline,
        stage=trace.stage,
        failed=bool(error),
        fingerprints=error,
        duration_ns=trace.duration_ns,
        spans=trace.spans,
        end=FragmentEnd.ROOT,
        parent_threshold=0,
    )
