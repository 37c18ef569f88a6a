"""What was decided on traces of which more may come: late spans, and the rest of traces that were decided on in parts."""

from __future__ import annotations

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
    roots: Verdict | None
    """The one with the lowest threshold, of what ended with a local root."""
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

    def settle(self, trace: TraceSummary, top: EndedSpan, verdict: Verdict) -> Verdict:
        """Return what becomes of a fragment for which ``verdict`` was found; remember it."""
        earlier = self.find(trace.trace_id)
        parts, roots = (earlier.parts, earlier.roots) if earlier is not None else (None, None)
        over = earlier is not None and earlier.over
        if not top.is_local_root:
            if roots is not None:
                return _lower(verdict, roots, trace.randomness)
            self._remember(trace.trace_id, _lowest(verdict, parts), None, over=False)
            return verdict
        verdict = verdict if parts is None else _lower(verdict, parts, trace.randomness)
        if not top.parent_id:
            # It is above everything in the trace.
            verdict = verdict if roots is None else _lower(verdict, roots, trace.randomness)
            over = True
        self._remember(trace.trace_id, parts, _lowest(verdict, roots), over=over)
        return verdict

    def _remember(self, trace_id: int, parts: Verdict | None, roots: Verdict | None, *, over: bool) -> None:
        if parts is None and roots is not None and over:
            # By far the most: a whole trace that is over. Few verdicts differ, since 1/p is whole.
            key = (roots.threshold, roots.reason, roots.keep)
            earlier = self._alike.get(key)
            if earlier is None:
                if len(self._alike) >= _MOST_DISTINCT:
                    self._alike = {}
                earlier = self._alike[key] = Earlier(None, roots, True)
        else:
            earlier = Earlier(parts, roots, over)
        if len(self._recent) >= self._half:
            self._recent, self._before = {}, self._recent
        self._recent[trace_id] = earlier


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
