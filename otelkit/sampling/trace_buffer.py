"""Holds the spans of traces that have not ended, within limits of bytes, spans and traces."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otelkit.model.traces import EndedSpan, TraceSummary
from otelkit.sampling.late import DECISION_BYTES
from otelkit.sampling.tail_fragment import Fragment

TRACE_BYTES: Final = 600
"""Memory that a held trace takes besides its spans: its id, its place, and what finds its spans."""
PARENT_BYTES: Final = 200
"""Memory that a list of spans of one parent takes, without the spans, and its place."""
_LARGE: Final = 4
"""A trace that takes more than this part of all there is makes room itself; else the oldest does."""


@dataclass(frozen=True, slots=True)
class BufferLimits:
    """How much may be held."""

    bytes: int
    """Of memory, as `EndedSpan.held_bytes` and `TRACE_BYTES` say it; decisions remembered for late spans take a part of it."""
    spans: int
    traces: int
    age_s: float
    """Longest time that a span is held, in seconds."""

    @property
    def decisions(self) -> int:
        """Decisions remembered: as many as traces may be held, in at most an eighth of the memory."""
        return max(2, min(self.traces, self.bytes // (8 * DECISION_BYTES)))

    @property
    def bytes_for_spans(self) -> int:
        """What is left for spans."""
        return self.bytes - self.decisions * DECISION_BYTES


class _Held:
    """What is held of one trace."""

    __slots__ = ("bytes", "children", "since_ns", "spans")

    def __init__(self, since_ns: int) -> None:
        self.children: dict[int, list[EndedSpan]] = {}
        """Id of the parent -> spans below it. So a local root finds its own, however much of its trace belongs to others."""
        self.spans = 0
        self.bytes = TRACE_BYTES
        self.since_ns = since_ns


class TraceBuffer:
    """Ended spans by their trace, oldest trace first, and fragments whose verdict is open. For one thread at a time.

    It counts what it holds, and says who is to go when there is no room; it never exceeds a limit by itself, since who adds a
    span first asks `has_room_for`.

    Args:
        limits: At least one span and one trace.
    """

    def __init__(self, limits: BufferLimits) -> None:
        self._limits = limits
        self._bytes_limit = limits.bytes_for_spans
        self._age_ns = round(limits.age_s * 1e9)
        self.forget()

    def forget(self) -> None:
        """Drop everything."""
        self._held: OrderedDict[int, _Held] = OrderedDict()
        # By identity: two traces may be summed up alike.
        self._open: dict[int, tuple[Fragment, int]] = {}
        self.bytes = 0
        """Memory taken."""
        self.spans = 0
        """Spans held, those of open fragments included."""

    @property
    def traces(self) -> int:
        """Traces held, open fragments included."""
        return len(self._held) + len(self._open)

    def has_room_for(self, trace_id: int, size: int) -> bool:
        """Return whether a span of so many bytes may be added to the trace now."""
        limits = self._limits
        if self.spans >= limits.spans:
            return False
        size += PARENT_BYTES
        if trace_id in self._held:
            return self.bytes + size <= self._bytes_limit
        return self.bytes + size + TRACE_BYTES <= self._bytes_limit and self.traces < limits.traces

    @property
    def is_over(self) -> bool:
        """Whether more is held than may be."""
        limits = self._limits
        return self.spans > limits.spans or self.bytes > self._bytes_limit or self.traces > limits.traces

    def add(self, trace_id: int, span: EndedSpan, size: int, now_ns: int) -> None:
        """Hold a span. ``now_ns``: monotonic, and so is the age that follows from it."""
        held = self._held.get(trace_id)
        if held is None:
            held = self._held[trace_id] = _Held(now_ns)
            self.bytes += TRACE_BYTES
        beside = held.children.get(span.parent_id)
        if beside is None:
            held.children[span.parent_id] = [span]
            size += PARENT_BYTES
        else:
            beside.append(span)
        held.spans += 1
        held.bytes += size
        self.bytes += size
        self.spans += 1

    def take(self, trace_id: int) -> list[EndedSpan]:
        """Give back all spans of a trace, in the order of their ends."""
        held = self._held.pop(trace_id, None)
        if held is None:
            return []
        self.bytes -= held.bytes
        self.spans -= held.spans
        return _in_order(list(held.children.values()))

    def take_below(self, top: EndedSpan) -> list[EndedSpan]:
        """Give back the spans below ``top``, which is not held itself, in the order of their ends."""
        held = self._held.get(top.trace_id)
        found = held.children.pop(top.span_id, None) if held is not None else None
        if held is None or found is None:
            return []
        lists = [found]
        # It grows while it is gone through; a list that was taken is not there any more, so that circles end, too.
        for beside in lists:
            for span in beside:
                below = held.children.pop(span.span_id, None)
                if below is not None:
                    lists.append(below)
        spans = _in_order(lists)
        if held.children:
            size = len(lists) * PARENT_BYTES + sum([span.held_bytes for span in spans])
            held.bytes -= size
            held.spans -= len(spans)
            self.bytes -= size
        else:
            del self._held[top.trace_id]
            self.bytes -= held.bytes
        self.spans -= len(spans)
        return spans

    def next_to_go(self, came: int | None = None) -> int | None:
        """Return the trace that is to make room: the one that just ``came``, if it takes much itself, else the oldest."""
        held = self._held.get(came) if came is not None else None
        if held is not None and (held.bytes * _LARGE > self._bytes_limit or held.spans * _LARGE > self._limits.spans):
            return came
        return next(iter(self._held), None)

    def too_old(self, now_ns: int) -> int | None:
        """Return the oldest trace if it has been held for as long as one may be. ``now_ns``: monotonic."""
        for trace_id, held in self._held.items():
            return trace_id if now_ns - held.since_ns >= self._age_ns else None
        return None

    # -- fragments whose verdict is open ---------------------------------------------------------------------------

    @property
    def open(self) -> int:
        """Fragments whose verdict is open."""
        return len(self._open)

    @property
    def has_open(self) -> bool:
        """Whether there is a fragment whose verdict is open."""
        return bool(self._open)

    def hold_open(self, fragment: Fragment) -> None:
        """Hold a fragment until its verdict comes; it was among what is held, so that there is room for it."""
        size = TRACE_BYTES + sum([span.held_bytes for span in fragment.spans])
        self._open[id(fragment.summary)] = fragment, size
        self.bytes += size
        self.spans += len(fragment.spans)

    def take_open(self, summary: TraceSummary) -> Fragment | None:
        """Give back the fragment that was summed up by this very object."""
        found = self._open.pop(id(summary), None)
        if found is None:
            return None
        fragment, size = found
        self.bytes -= size
        self.spans -= len(fragment.spans)
        return fragment

    def take_all_open(self) -> Sequence[Fragment]:
        """Give back all fragments whose verdict never came."""
        fragments = [fragment for fragment, _ in self._open.values()]
        for fragment in fragments:
            self.take_open(fragment.summary)
        return fragments


def _in_order(lists: Sequence[list[EndedSpan]]) -> list[EndedSpan]:
    """Return the spans of some parents in the order of their ends; those of one parent are in that order."""
    if len(lists) == 1:
        return lists[0]
    spans = [span for beside in lists for span in beside]
    spans.sort(key=_end)
    return spans


def _end(span: EndedSpan) -> int:
    return span.end_unix_ns
