"""What all spans of one trace share in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext, TraceState

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
