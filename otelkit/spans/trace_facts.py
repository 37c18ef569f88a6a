"""What all spans of one trace share in this process."""

from __future__ import annotations

from typing import Final

from opentelemetry.trace import SpanContext, TraceFlags, TraceState

SAMPLED: Final = 1
"""The trace flag of a kept trace; W3C Trace Context."""
RANDOM: Final = 2
"""The trace flag of an id whose low 56 bits are random; W3C Trace Context level 2."""


class TraceFacts:
    """A trace's id and the head sampler's decision on it. One object for all stage spans that follow their parent."""

    __slots__ = ("flags", "followed", "parent", "recording", "remote_parent_id", "sampled", "state", "trace_id")

    def __init__(
        self,
        trace_id: int,
        *,
        sampled: bool,
        recording: bool,
        flags: int,
        state: TraceState | None = None,
        parent: SpanContext | None = None,
        followed: bool = True,
    ) -> None:
        self.trace_id = trace_id
        self.sampled = sampled
        """Whether spans are exported."""
        self.recording = recording
        """Whether attributes are kept; also for spans that only local processors see."""
        self.flags = flags
        """As in ``traceparent``."""
        self.state = state
        """None: empty."""
        self.parent = parent
        """What the spans with which the trace enters our stages are below: another instrumentation's span, or a remote one."""
        self.remote_parent_id = parent.span_id if parent is not None and parent.is_remote else 0
        """The parent of the spans with which the trace enters this process; 0: it starts here."""
        self.followed = followed
        """Whether the spans of stages directly below share these facts; else the sampler is asked for each of them."""


class PassedFacts(TraceFacts):
    """Facts of a span that spans below it do not share: it is about to leave, or its process is another one now."""

    __slots__ = ("below",)

    below: TraceFacts
    """What spans of stages below it share instead."""

    def __init__(self, origin: TraceFacts, state: TraceState | None, below: TraceFacts) -> None:
        super().__init__(
            origin.trace_id,
            sampled=origin.sampled,
            recording=origin.recording,
            flags=origin.flags,
            state=state,
            parent=origin.parent,
            followed=False,
        )
        self.below = below


def leaving(facts: TraceFacts, state: TraceState | None) -> PassedFacts:
    """Return facts for spans that leave with this ``tracestate``; what is opened below one of them still has the old one.

    What travelled on before the decision was another probability, and whoever went by that has to be told the same.
    """
    return PassedFacts(facts, state, facts.below if isinstance(facts, PassedFacts) else facts)


def inherited(facts: TraceFacts, span_id: int) -> PassedFacts:
    """Return facts for a span of the parent's that a forked child finds running: for what is below, it is a remote one."""
    parent = SpanContext(
        facts.trace_id, span_id, True, TraceFlags(facts.flags), facts.state or TraceState.get_default()
    )
    below = TraceFacts(
        facts.trace_id,
        sampled=facts.sampled,
        recording=facts.recording,
        flags=facts.flags,
        state=facts.state,
        parent=parent,
        followed=facts.followed,
    )
    return PassedFacts(facts, facts.state, below)
