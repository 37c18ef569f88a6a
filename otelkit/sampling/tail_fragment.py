"""Fragments: the spans of one trace below one span at their top, and what there is to say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otelkit import names
from otelkit.model.traces import EndedSpan, Fingerprint, FragmentEnd, TraceSummary
from otelkit.sampling.debug import REASON as DEBUG
from otelkit.sampling.tail_state import StateReader

MOST_FINGERPRINTS: Final = 8
"""Of one fragment; an error in a loop is one anyway."""
MOST_LOOKED_AT: Final = 256
"""Failed spans of one fragment that are asked for their error: its frame is looked for in a text, and a loop may fail often."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """What is decided on together."""

    spans: Sequence[EndedSpan]
    """In the order in which they ended; ``top`` is one of them."""
    top: EndedSpan
    """The one that no other is above: the local root, or, where that has not ended, the outermost that has."""
    summary: TraceSummary


def fragment(spans: Sequence[EndedSpan], top: EndedSpan, end: FragmentEnd, states: StateReader) -> Fragment:
    """Sum up spans that belong together."""
    failed = [span for span in spans if span.failed]
    state = top.trace_state
    summary = TraceSummary(
        trace_id=top.trace_id,
        randomness=states.randomness(top.trace_id, state),
        pipeline=top.pipeline or "",
        stage=top.stage_name or top.name,
        failed=bool(failed),
        fingerprints=_fingerprints(failed) if failed else (),
        duration_ns=top.duration_ns,
        spans=len(spans),
        end=end,
        parent_threshold=states.threshold(state),
        # Only where a trace enters the process it is asked for.
        forced=top.is_local_root and top.attribute(names.SAMPLING_REASON) == DEBUG,
    )
    return Fragment(spans, top, summary)


def split(spans: Sequence[EndedSpan]) -> list[tuple[list[EndedSpan], EndedSpan]]:
    """Return spans of one trace as they hang together, each part with its top: whose parent is not among them.

    Parts come in the order in which their tops ended, spans in their own.
    """
    if len(spans) == 1:
        return [(list(spans), spans[0])]
    parents = {span.span_id: span.parent_id for span in spans}
    tops: dict[int, int] = {}
    parts: dict[int, list[EndedSpan]] = {}
    by_id: dict[int, EndedSpan] = {}
    for span in spans:
        path = []
        at = span.span_id
        # Ids that go round in a circle, which a stranger's spans may have, end where they began.
        while at not in tops:
            path.append(at)
            tops[at] = at
            above = parents[at]
            if above not in parents:
                break
            at = above
        top = tops[at]
        for each in path:
            tops[each] = top
        parts.setdefault(top, []).append(span)
        by_id[span.span_id] = span
    found = [(part, by_id[top]) for top, part in parts.items()]
    if len(found) > 1:
        found.sort(key=lambda pair: pair[1].end_unix_ns)
    return found


def _fingerprints(failed: Sequence[EndedSpan]) -> tuple[Fingerprint, ...]:
    found: dict[Fingerprint, None] = {}
    for span in failed[:MOST_LOOKED_AT]:
        stage = span.stage_name or span.name
        found[Fingerprint(span.error_type or "", span.error_frame or "", stage)] = None
        if len(found) == MOST_FINGERPRINTS:
            break
    return tuple(found)
