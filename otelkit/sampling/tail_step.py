"""Holds the spans of a trace until its local root has ended, has the trace judged, and lets it go or leaves it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from otelkit import names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import Barrier
from otelkit.model.calls import AttributeValue
from otelkit.model.sampling_figures import Figure, SaysFigures
from otelkit.model.steps import Phase
from otelkit.model.traces import (
    EndedSpan,
    EndedSpanStep,
    FragmentEnd,
    Retention,
    TraceJudge,
    TraceSummary,
    Verdict,
    YieldingJudge,
)
from otelkit.sampling.late import DECISION_BYTES, Decisions
from otelkit.sampling.tail_fragment import Fragment, fragment, split
from otelkit.sampling.tail_state import StateReader
from otelkit.sampling.trace_buffer import BufferLimits, TraceBuffer

if TYPE_CHECKING:
    from opentelemetry.trace import TraceState

_NOTHING: Final[Mapping[str, AttributeValue]] = {}
_SHARE_OF_EXIT: Final = 0.5
"""Part of the time at the program's end that judging may take; what is kept has to be written and sent, too."""


class TailStep(EndedSpanStep):
    """The step of `OtelkitTail`. Called by one thread at a time; `figures` from any.

    A fragment is what a local root has below it, as far as it has ended and is still held; it is judged when that root ends.
    A trace that is held for too long, or that has to make room for others, is judged without its root: each outermost call
    that has ended, with all below it, by itself. What comes later is judged when it comes, and follows what was decided
    (`Decisions`). So every span leaves with the threshold at which it was really kept, and nothing is left out undecided.

    What the judge itself fails on is kept, as far as it was kept before us.

    Args:
        judge: Decides.
        limits: Of what is held.
        usual: The ``tracestate`` of traces that start here, as the head sampler gives it to them.
        retention: Sees all fragments and verdicts; None: nobody does.
        clock: Its monotonic clock says how long a trace is held, its wall clock dates judgements.
    """

    name = "otelkit_tail"
    phase = Phase.JUDGE
    stage_spans = False

    def __init__(
        self,
        judge: TraceJudge,
        limits: BufferLimits,
        usual: TraceState,
        *,
        retention: Retention | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.judge = judge
        self.retention = retention
        self.is_joined = False
        """Whether ended spans come here at all."""
        self.judged = dict.fromkeys(FragmentEnd, 0)
        """Fragments that were judged, by why then."""
        self._clock = clock
        self._buffer = TraceBuffer(limits)
        self._decisions = Decisions(limits.decisions)
        self._states = StateReader(usual)
        self._faults = Barrier("sampler otelkit_tail")

    # -- EndedSpanStep ---------------------------------------------------------------------------------------------

    def joined(self) -> None:
        """Take note that ended spans will come."""
        self.is_joined = True
        if self.retention is not None:
            try:
                self.retention.joined()
            except Exception as error:  # noqa: BLE001 - see below
                self._faults.fault(error, "joined")

    def on_ended(self, batch: Sequence[EndedSpan]) -> Sequence[EndedSpan]:
        """Return what was decided to be kept now."""
        leaving: list[EndedSpan] = []
        since_ns = self._clock.monotonic_ns()
        buffer, decisions = self._buffer, self._decisions
        for span in batch:
            try:
                trace_id = span.trace_id
                if span.is_local_root or ((earlier := decisions.find(trace_id)) is not None and earlier.over):
                    self._end(span, buffer.take_below(span), leaving)
                    continue
                size = span.held_bytes
                fits = buffer.has_room_for(trace_id, size) or self._make_room(trace_id, size, leaving)
            except Exception as error:  # noqa: BLE001 - a stranger's span may be unreadable; the others are held already
                self._faults.fault(error, "hold")
                leaving.append(span)
                continue
            if fits:
                buffer.add(trace_id, span, size, since_ns)
            else:
                self._decide([span], span, FragmentEnd.PRESSURE, leaving)
        return leaving

    def due(self, now_ns: int) -> Sequence[EndedSpan]:
        """Return what was decided to be kept since it has been held for too long, or since others have ended."""
        leaving: list[EndedSpan] = []
        since_ns = self._clock.monotonic_ns()
        while (trace_id := self._buffer.too_old(since_ns)) is not None:
            self._decide_in_parts(self._buffer.take(trace_id), FragmentEnd.AGE, leaving)
        self._settle_open(leaving, at_once=False)
        self._release(now_ns, leaving)
        return leaving

    def rest(self, timeout_s: float) -> Sequence[EndedSpan]:
        """Return what is decided to be kept of what is still held: the program ends.

        It takes half the time that there is; what that is not enough for is held on.
        """
        leaving: list[EndedSpan] = []
        began_ns = self._clock.monotonic_ns()
        while (trace_id := self._buffer.next_to_go()) is not None:
            if self._clock.monotonic_ns() - began_ns > timeout_s * _SHARE_OF_EXIT * 1e9:
                break
            self._decide_in_parts(self._buffer.take(trace_id), FragmentEnd.EXIT, leaving)
        self._settle_open(leaving, at_once=True)
        self._release(self._clock.now_ns(), leaving)
        if self.retention is not None:
            # What is not asked for by now never will be.
            self.retention.forget()
        return leaving

    def held(self) -> int:
        """Return how many spans are held, those that wait for a trigger included."""
        return self._buffer.spans + (self.retention.held() if self.retention is not None else 0)

    def after_fork(self) -> None:
        """Forget what is the parent's."""
        self._buffer.forget()
        self._decisions.forget()
        self.judged = dict.fromkeys(FragmentEnd, 0)
        if self.retention is not None:
            self.retention.forget()

    def figures(self) -> Iterator[Figure]:
        """Yield what is held, and what had to go before its time; then what judge and retention say of themselves."""
        yield Figure(names.METRIC_SAMPLING_BUFFER, self.held_bytes, {})
        evicted = self.judged[FragmentEnd.AGE] + self.judged[FragmentEnd.PRESSURE]
        yield Figure(names.METRIC_SAMPLING_EVICTIONS, evicted, {})
        parts: tuple[object, ...] = (self.judge, self.retention)
        for part in parts:
            if isinstance(part, SaysFigures):
                yield from part.figures()

    @property
    def held_bytes(self) -> int:
        """Memory that held spans and remembered decisions take, estimated."""
        return self._buffer.bytes + len(self._decisions) * DECISION_BYTES

    # -- deciding --------------------------------------------------------------------------------------------------

    def _make_room(self, came: int, size: int, leaving: list[EndedSpan]) -> bool:
        """Judge traces before their end until a span of the trace that ``came`` has room; False: not even alone."""
        while not self._buffer.has_room_for(came, size):
            if self._relieve(leaving):
                continue
            trace_id = self._buffer.next_to_go(came)
            if trace_id is not None:
                self._decide_in_parts(self._buffer.take(trace_id), FragmentEnd.PRESSURE, leaving)
            elif self._buffer.has_open:
                self._settle_open(leaving, at_once=True)
            else:
                return False
        return True

    def _end(self, top: EndedSpan, below: Sequence[EndedSpan], leaving: list[EndedSpan]) -> None:
        """Decide on what ends with ``top``: all of it together, or, where parts had to go before, part by part to the end."""
        if below and self._decisions.in_parts(top, below):
            self._decide_in_parts(below, FragmentEnd.LATE, leaving)
            below = ()
        self._decide([*below, top], top, FragmentEnd.ROOT if top.is_local_root else FragmentEnd.LATE, leaving)

    def _decide_in_parts(self, spans: Sequence[EndedSpan], end: FragmentEnd, leaving: list[EndedSpan]) -> None:
        for part, top in split(spans):
            self._decide(part, top, end, leaving)

    def _decide(self, spans: Sequence[EndedSpan], top: EndedSpan, end: FragmentEnd, leaving: list[EndedSpan]) -> None:
        self.judged[end] += 1
        now_ns = self._clock.now_ns()
        try:
            part = fragment(spans, top, end, self._states)
            verdict = self._ask(part.summary, now_ns)
        except Exception as error:  # noqa: BLE001 - a stranger's span may be unreadable
            self._faults.fault(error, "sum up")
            leaving += spans
            return
        if verdict is not None:
            self._settle(part, verdict, now_ns, leaving)
            return
        self._buffer.hold_open(part)
        while self._buffer.is_over:
            if not self._relieve(leaving):
                self._settle_open(leaving, at_once=True)
                return

    def _ask(self, trace: TraceSummary, now_ns: int) -> Verdict | None:
        try:
            return self.judge.judge(trace, now_ns)
        except Exception as error:  # noqa: BLE001 - a stranger's judge may raise anything
            self._faults.fault(error, "judge")
            return _as_it_came(trace)

    def _relieve(self, leaving: list[EndedSpan]) -> bool:
        """Have some of what is open decided, or all of it, if the judge knows no less; return whether that gave room."""
        before = self._buffer.open
        if not before:
            return False
        if not isinstance(self.judge, YieldingJudge):
            self._settle_open(leaving, at_once=True)
            return True
        now_ns = self._clock.now_ns()
        try:
            decided = self.judge.relieve(now_ns)
        except Exception as error:  # noqa: BLE001 - see above
            self._faults.fault(error, "relieve")
            decided = ()
        self._settle_decided(decided, now_ns, leaving)
        return self._buffer.open < before

    def _settle_open(self, leaving: list[EndedSpan], *, at_once: bool) -> None:
        """Take verdicts that were open; with ``at_once`` none is afterwards."""
        now_ns = self._clock.now_ns()
        try:
            decided = self.judge.decided(now_ns, at_once=at_once)
        except Exception as error:  # noqa: BLE001 - see above
            self._faults.fault(error, "decided")
            decided = ()
        self._settle_decided(decided, now_ns, leaving)
        if at_once:
            for part in self._buffer.take_all_open():
                self._settle(part, _as_it_came(part.summary), now_ns, leaving)

    def _settle_decided(
        self, decided: Sequence[tuple[TraceSummary, Verdict]], now_ns: int, leaving: list[EndedSpan]
    ) -> None:
        for summary, verdict in decided:
            part = self._buffer.take_open(summary)
            if part is not None:
                self._settle(part, verdict, now_ns, leaving)

    def _settle(self, part: Fragment, verdict: Verdict, now_ns: int, leaving: list[EndedSpan]) -> None:
        verdict = self._decisions.settle(part.summary, part.top, verdict, part.spans)
        if self.retention is not None:
            try:
                self.retention.judged(part.spans, part.summary, verdict, now_ns)
            except Exception as error:  # noqa: BLE001 - see above
                self._faults.fault(error, "retain")
        if verdict.keep:
            try:
                leaving += self._marked(part, verdict)
            except Exception as error:  # noqa: BLE001 - a stranger's span may be unreadable
                self._faults.fault(error, "mark")
                leaving += part.spans

    def _marked(self, part: Fragment, verdict: Verdict) -> list[EndedSpan]:
        said: dict[str, AttributeValue] = {
            names.SAMPLING_REASON: verdict.reason,
            names.SAMPLING_RATE: verdict.rate,
        }
        states, top = self._states, part.top
        kept: list[EndedSpan] = []
        for span in part.spans:
            before = span.trace_state
            after = states.with_threshold(before, verdict.threshold)
            if span is top:
                kept.append(span.marked(after, said))
            else:
                kept.append(span if after is before else span.marked(after, _NOTHING))
        return kept

    def _release(self, now_ns: int, leaving: list[EndedSpan]) -> None:
        """Let go what a trigger has asked for."""
        if self.retention is not None:
            try:
                leaving += self.retention.released(now_ns)
            except Exception as error:  # noqa: BLE001 - see above
                self._faults.fault(error, "release")


def _as_it_came(trace: TraceSummary) -> Verdict:
    """Return the verdict on a trace that can't be judged: kept, as whoever was before us has kept it."""
    return Verdict(True, trace.parent_threshold, "parent", 1.0)
