"""What was decided on traces of which more may come: late spans, and the rest of traces that were decided on in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otelkit.model.traces import EndedSpan, TraceSummary, Verdict

DECISION_BYTES: Final = 400
"""Memory that a remembered trace takes: its id, its place, and a decision of its own, which most share with others."""
_MOST_DISTINCT: Final = 512


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was decided on a trace."""

    parts: Verdict | None
    """The one with the lowest threshold, of parts that were decided on before a local root above them had ended."""
    below: int
    """Id of the span that the part with that verdict is below, and the parts that were decided on since and are above it."""
    roots: Verdict | None
    """The one with the lowest threshold, of what ended with a local root."""
    several: bool
    """Whether that were several local roots."""
    over: bool
    """Whether the span has ended with which the trace starts: what comes now is late."""


class Decisions:
    """Remembers what was decided on the last traces, and lets it count for what comes of them later. One thread at a time.

    A trace's threshold only falls: what comes later is kept if what came before was kept, or for its own sake, and its ``th``
    is the lower one of both thresholds, whether anything was kept before or not. So it depends on what the trace is like,
    never on R, and counts stay true: were it otherwise, an error after a decision would be counted twice, once with the traces
    that were kept and once with those that were not.

    Args:
        limit: Most traces remembered, >= 2; the oldest are forgotten in two portions.
    """

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self.forget()

    def forget(self) -> None:
        """Forget everything."""
        self._recent: dict[int, Earlier] = {}
        self._before: dict[int, Earlier] = {}
        self._alike: dict[tuple[int | None, str, bool], Earlier] = {}

    def __len__(self) -> int:
        return len(self._recent) + len(self._before)

    def find(self, trace_id: int) -> Earlier | None:
        """Return what was decided on a trace, if that is remembered."""
        return self._recent.get(trace_id) or self._before.get(trace_id)

    def in_parts(self, root: EndedSpan, below: Sequence[EndedSpan]) -> bool:
        """Return whether parts below a local root, or below the spans ``below`` it that leave with it, were decided on."""
        earlier = self.find(root.trace_id)
        if earlier is None or earlier.parts is None:
            return False
        return _is_above_parts(root, earlier) or any(span.span_id == earlier.below for span in below)

    def settle(self, trace: TraceSummary, top: EndedSpan, verdict: Verdict, spans: Sequence[EndedSpan] = ()) -> Verdict:
        """Return what becomes of a fragment for which ``verdict`` was found; remember it.

        ``spans``: all of the fragment; needed where ``top`` is no local root.
        """
        earlier = self.find(trace.trace_id) or _NOTHING
        if not top.is_local_root:
            # Of several roots it is not known which one it is late for.
            if earlier.roots is not None and (earlier.over or not earlier.several):
                verdict = _lower(verdict, earlier.roots, trace.randomness)
                if earlier.over:
                    return verdict
            lowest = _lowest(verdict, earlier.parts)
            below = earlier.below
            # What is above the part with that verdict is now what is above this one.
            if lowest is verdict or any(span.span_id == below for span in spans):
                below = top.parent_id
            self._remember(trace.trace_id, Earlier(lowest, below, earlier.roots, earlier.several, earlier.over))
            return verdict
        if earlier.parts is not None and _is_above_parts(top, earlier):
            verdict = _lower(verdict, earlier.parts, trace.randomness)
        if not top.parent_id and earlier.roots is not None:
            # It is above everything in the trace.
            verdict = _lower(verdict, earlier.roots, trace.randomness)
        over = earlier.over or not top.parent_id
        if earlier is _NOTHING and over:
            self._remember(trace.trace_id, self._whole(verdict))
        else:
            several = earlier.roots is not None
            roots = _lowest(verdict, earlier.roots)
            self._remember(trace.trace_id, Earlier(earlier.parts, earlier.below, roots, several, over))
        return verdict

    def _whole(self, verdict: Verdict) -> Earlier:
        """Return the same object for all whole traces with the same verdict, of which few differ, since 1/p is whole."""
        key = (verdict.threshold, verdict.reason, verdict.keep)
        earlier = self._alike.get(key)
        if earlier is None:
            if len(self._alike) >= _MOST_DISTINCT:
                self._alike = {}
            earlier = self._alike[key] = Earlier(None, 0, verdict, False, True)
        return earlier

    def _remember(self, trace_id: int, earlier: Earlier) -> None:
        if len(self._recent) >= self._half and trace_id not in self._recent:
            self._recent, self._before = {}, self._recent
        self._recent[trace_id] = earlier


_NOTHING: Final = Earlier(None, 0, None, False, False)


def _is_above_parts(root: EndedSpan, earlier: Earlier) -> bool:
    """Return whether a local root is above parts that were decided on: the first span of a trace is above all of them."""
    return earlier.parts is not None and (not root.parent_id or earlier.below == root.span_id)


def _lowest(one: Verdict, other: Verdict | None) -> Verdict:
    if other is None or other.threshold is None or one.threshold is None:
        return one
    return other if other.threshold < one.threshold else one


def _lower(own: Verdict, earlier: Verdict, randomness: int) -> Verdict:
    """Return the verdict with the lower threshold; the fragment's own where they are equal, or one of them is unknown."""
    lowest = _lowest(own, earlier)
    if lowest is own or lowest.threshold is None:
        return own
    return Verdict(randomness >= lowest.threshold, lowest.threshold, lowest.reason, lowest.rate)
