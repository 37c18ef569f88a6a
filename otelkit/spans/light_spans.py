"""Makes light spans: ids, the head sampler's decision, the context around the stage's code."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    INVALID_SPAN_ID,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
)

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import Barrier, in_forked_child
from otelkit.model.calls import StageCall, StageSeries
from otelkit.model.contexts import CALL_KEY, SPAN_KEY
from otelkit.spans.light_span import LightSpan
from otelkit.spans.root_decision import RootDecision
from otelkit.spans.span_extras import UNSET, SpanExtras
from otelkit.spans.trace_facts import PassedFacts, TraceFacts, leaving

_log = logging.getLogger("otelkit.spans")

_new: Final = LightSpan.__new__
_Watcher = Callable[[StageCall], None]


class LightSpans:
    """Opens stage calls that are their own spans. Implements `model.spans.CallOpener`; thread-safe.

    Args:
        ended: Takes each call that has ended, in the user's thread; must not raise.
        faults: Contains and counts what fails on the way.
        resource: Returns the resource of the process as it is now; a forked child's differs.
        scope: The instrumentation scope of stage spans.
        sampler: The head sampler; the SDK's own parent-based ones are not asked where their answer is known.
        id_generator: The program's.
        limits: From ``OTEL_SPAN_*_LIMIT``.
        started: Shows a live span to span steps as it starts; None: none looks.
        clock: Measures durations, and dates starts.
    """

    def __init__(
        self,
        *,
        ended: Callable[[StageCall], object],
        faults: Barrier,
        resource: Callable[[], Resource],
        scope: InstrumentationScope,
        sampler: Sampler,
        id_generator: IdGenerator,
        limits: SpanLimits | None = None,
        started: Callable[[LightSpan, Context], None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.ended = ended
        self.faults = faults
        self._started = started
        self._shown = started is not None
        self.now = clock.monotonic_ns
        self.watched = False
        """Whether somebody sees each call end in the user's thread; few programs have that."""
        self._watchers: Sequence[_Watcher] = ()
        self._guests: Sequence[tuple[SpanProcessor, Barrier]] = ()
        self.limits = limits or SpanLimits()
        self.max_attributes = self.limits.max_span_attributes
        self._resource = resource
        self._scope = scope
        self._wall = clock.now_ns
        self._decision = RootDecision(sampler, id_generator)
        self._quick_root = self._decision.quick_root()
        self._new_id = _id_source(id_generator)
        # The last parent that was none of ours, and what follows from it: the root span of a run has all stages below it.
        self._last_foreign: tuple[object, TraceFacts, int] | None = None
        # The spans of a fragment leave together, and are to share their facts again.
        self._last_leaving: tuple[TraceFacts, TraceState | None, PassedFacts] | None = None
        self._forked_at_ns = 0
        in_forked_child(self._after_fork)

    def open(self, series: StageSeries, context: Context, run_id: str | None) -> LightSpan:
        """Open a call below what is current in ``context``; not yet current itself. Raises what a strange sampler raises."""
        around: Any = context.get(SPAN_KEY)
        call: LightSpan = _new(LightSpan)
        if type(around) is LightSpan and (facts := around.trace).followed:
            call.trace = facts
            call.parent_id = around.span_id
        elif around is None and self._quick_root is not None:
            call.trace = self._quick_root()
            call.parent_id = INVALID_SPAN_ID
        else:
            self._place(call, around, series, context)
        enclosing: Any = context.get(CALL_KEY)
        call.series = series
        call.owner = self
        call.enclosing = enclosing
        call.run_id = run_id
        call.span_id = self._new_id(64)
        call.item = call.described = call.outcome = None
        call.duration_ns = -1
        call.scope = Context({**context, SPAN_KEY: call, CALL_KEY: call})
        call.start_unix_ns = self._wall()
        call.start_ns = self.now()
        # Whole before others find it there.
        series.running.add(call)
        if self._shown and call.trace.recording:
            self._show_start(call, context)
            call.start_ns = self.now()
        return call

    def _place(self, call: LightSpan, around: Span | None, series: StageSeries, context: Context) -> None:
        """Find the call's place: below a span that is none of ours, or at the start of a trace."""
        if type(around) is LightSpan and type(around.trace) is PassedFacts and (facts := around.trace.below).followed:
            call.trace, call.parent_id = facts, around.span_id
            return
        last = self._last_foreign
        if last is not None and last[0] is around:
            call.trace, call.parent_id = last[1], last[2]
            return
        identity = around.get_span_context() if around is not None else None
        if identity is not None and identity.is_valid:
            if self._forked_at_ns and not identity.is_remote and _started(around) < self._forked_at_ns:
                # It ends in the parent, which is another process: here it is as remote as any.
                identity = SpanContext(
                    identity.trace_id, identity.span_id, True, identity.trace_flags, identity.trace_state
                )
            call.parent_id = identity.span_id
            facts, said = self._decision.below(identity, series, context)
            same = self._decision.follows_remote if identity.is_remote else self._decision.follows_parent
            if same and not said:
                self._last_foreign = (around, facts, identity.span_id)
        else:
            call.parent_id = INVALID_SPAN_ID
            facts, said = self._decision.root(series, context)
        call.trace = facts
        if said and facts.recording:
            call.attributes_set = dict(said)

    # -- rare things -----------------------------------------------------------------------------------------------

    def watch(self, watchers: Sequence[_Watcher]) -> None:
        """Have each call seen by ``watchers`` as it ends, in the user's thread; they must not raise."""
        self._watchers = watchers
        self.watched = bool(self._watchers or self._guests)

    def admit(self, guests: Sequence[SpanProcessor]) -> None:
        """Show each recorded span to these span processors of the program's, as the SDK would; each behind its own barrier."""
        known = {id(guest): barrier for guest, barrier in self._guests}
        self._guests = [(guest, known.get(id(guest)) or barrier_of(guest)) for guest in guests]
        self._shown = self._started is not None or bool(guests)
        self.watched = bool(self._watchers or self._guests)

    def closed(self, call: LightSpan) -> None:
        """Show a call that has ended to those who look at once."""
        for watcher in self._watchers:
            watcher(call)
        if self._guests and call.trace.recording:
            try:
                span = self.readable(call)
            except Exception as fault:  # noqa: BLE001 - the user's own classes take part in it
                self.refused(call, "reading", fault)
                return
            for guest, barrier in self._guests:
                if not barrier.off:
                    try:
                        guest.on_end(span)
                    except Exception as fault:  # noqa: BLE001 - the program's own; the SDK would let it through to the user's code
                        barrier.fault(fault, "on_end")
                    else:
                        barrier.success("on_end")

    def _show_start(self, call: LightSpan, context: Context) -> None:
        if self._started is not None:
            self._started(call, context)
        for guest, barrier in self._guests:
            if not barrier.off:
                try:
                    guest.on_start(call, context)  # type: ignore[arg-type]  # it has what a span of the SDK has
                except Exception as fault:  # noqa: BLE001 - see above
                    barrier.fault(fault, "on_start")
                else:
                    barrier.success("on_start")

    def extras(self) -> SpanExtras:
        """Return a place for what few spans have."""
        return SpanExtras(self.limits)

    def refused(self, call: LightSpan, doing: str, fault: Exception) -> None:
        """Say that something could not be done with a span, since what was given to record can't be read."""
        _log.warning("%s on the span of the stage %r failed: %s", doing, call.series.stage.name, type(fault).__name__)

    def too_late(self, call: LightSpan, doing: str) -> None:
        """Say, as the SDK does, that a span that has ended stays as it is."""
        _log.warning("%s on the ended span of the stage %r does nothing", doing, call.series.stage.name)

    def readable(self, call: LightSpan) -> ReadableSpan:
        """Return the span as the SDK knows spans, within all limits."""
        extras, facts = call.extras, call.trace
        attributes = BoundedAttributes(
            self.limits.max_span_attributes, call.all_attributes(), max_value_len=self.limits.max_span_attribute_length
        )
        if extras is not None:
            attributes.dropped += extras.dropped_attributes
        parent = facts.parent
        if parent is None or parent.span_id != call.parent_id:
            parent = (
                None
                if not call.parent_id
                else SpanContext(
                    facts.trace_id,
                    call.parent_id,
                    False,
                    TraceFlags(facts.flags),
                    facts.state or TraceState.get_default(),
                )
            )
        return ReadableSpan(
            call.name,
            call.get_span_context() if type(facts) is not PassedFacts else _leaves_as(call, facts),
            parent,
            self._resource(),
            attributes,
            # Not by their truth: an empty list knows how many were dropped.
            extras.events if extras is not None and extras.events is not None else (),
            extras.links if extras is not None and extras.links is not None else (),
            SpanKind.INTERNAL,
            status=extras.status if extras is not None else UNSET,
            start_time=call.start_unix_ns,
            end_time=None if call.is_running() else call.end_unix_ns,
            instrumentation_scope=self._scope,
        )

    def leaving(self, facts: TraceFacts, state: TraceState | None) -> PassedFacts:
        """Return facts for spans that leave with this ``tracestate``; the same ones as last time where that was the same."""
        last = self._last_leaving
        if last is not None and last[0] is facts and last[1] is state:
            return last[2]
        passed = leaving(facts, state)
        self._last_leaving = (facts, state, passed)
        return passed

    def _after_fork(self) -> None:
        self._last_foreign = self._last_leaving = None
        self._forked_at_ns = self._wall()


def _leaves_as(call: LightSpan, facts: TraceFacts) -> SpanContext:
    """Return the ids of a span with the ``tracestate`` that it is exported with, which differs from what travelled on."""
    state = facts.state or TraceState.get_default()
    return SpanContext(facts.trace_id, call.span_id, False, TraceFlags(facts.flags), state)


def _started(span: Span | None) -> int:
    """Return when a span of the SDK started, in Unix nanoseconds; 0 if it does not say."""
    started = getattr(span, "start_time", None)
    return started if isinstance(started, int) else 0


def barrier_of(guest: SpanProcessor) -> Barrier:
    """Return what contains the faults of a span processor of the program's."""
    kind = type(guest)
    return Barrier(f"span processor {kind.__qualname__}", kind.__module__.partition(".")[0])


def _id_source(generator: IdGenerator) -> Callable[[int], int]:
    # The SDK's own does no more than this, in two calls; `random` seeds itself anew in a forked child.
    if type(generator) is RandomIdGenerator:
        return random.getrandbits
    return lambda bits: generator.generate_span_id()
