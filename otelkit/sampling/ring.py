"""The last seconds of traces that were not kept, in case somebody asks for them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otelkit import names
from otelkit._guard import in_forked_child
from otelkit.model.sampling_figures import Figure
from otelkit.model.traces import EndedSpan, TraceSummary, Verdict
from otelkit.sampling.ring_triggers import RingTrigger
from otelkit.sampling.tracestate import without_threshold

if TYPE_CHECKING:
    from opentelemetry.trace import TraceState

_log = logging.getLogger("otelkit.sampling")

REASON: Final = "retroactive"
"""`otelkit.sampling.reason` of what leaves the ring."""
_FRAGMENT_BYTES: Final = 300
"""Memory that a fragment takes besides its spans."""


@dataclass(frozen=True, slots=True)
class _Fragment:
    """Spans of one trace that were judged together."""

    trace_id: int
    since_ns: int
    spans: tuple[EndedSpan, ...]
    held_bytes: int


class Ring:
    """Holds spans that were not kept for a while, and lets all of them go when a trigger asks for it.

    Implements `model.traces.Retention`. What leaves says the reason ``retroactive`` and has no ``th``: it was chosen by what
    happened, so that there is no probability by which it could stand for others. Counts are to be computed without it; the
    Collector counts each such span as one.

    Args:
        retain_ns: How long a fragment is held.
        limit_bytes: Most memory held, by the spans' own estimate; the oldest go first.
        limit_spans: Most spans held.
        triggers: Those who may ask.
    """

    def __init__(
        self, retain_ns: int, limit_bytes: int, limit_spans: int, triggers: Sequence[RingTrigger] = ()
    ) -> None:
        self._retain_ns = retain_ns
        self._limit_bytes = limit_bytes
        self._limit_spans = limit_spans
        self._triggers = tuple(triggers)
        self._start_over()
        in_forked_child(self.forget)

    def _start_over(self) -> None:
        self._fragments: deque[_Fragment] = deque()
        self._spans = 0
        self._bytes = 0

    def joined(self) -> None:
        """Let the triggers begin."""
        for trigger in self._triggers:
            trigger.joined()

    def judged(self, spans: Sequence[EndedSpan], trace: TraceSummary, verdict: Verdict, now_ns: int) -> None:
        """Take ``spans`` if they are not kept; show a failed trace to the triggers, whatever became of it."""
        if trace.failed:
            for trigger in self._triggers:
                trigger.see_failed(trace)
        if verdict.keep:
            return
        size = _FRAGMENT_BYTES + sum([span.held_bytes for span in spans])
        if size > self._limit_bytes or len(spans) > self._limit_spans:
            # It would push out everything else, and not fit even then.
            return
        self._fragments.append(_Fragment(trace.trace_id, now_ns, tuple(spans), size))
        self._spans += len(spans)
        self._bytes += size
        while self._bytes > self._limit_bytes or self._spans > self._limit_spans:
            self._drop_oldest()

    def released(self, now_ns: int) -> Sequence[EndedSpan]:
        """Return everything held, marked, if a trigger asks for it; else drop what has been held for long enough."""
        asking = [trigger for trigger in self._triggers if trigger.asks()]
        while self._fragments and not 0 <= now_ns - self._fragments[0].since_ns < self._retain_ns:
            self._drop_oldest()
        if not asking:
            return ()
        traces = len({fragment.trace_id for fragment in self._fragments})
        spans = [_marked(span) for fragment in self._fragments for span in fragment.spans]
        self._start_over()
        for trigger in asking:
            trigger.answered(traces, len(spans))
        _log.info(
            "%d spans of %d traces that were not kept are sent after all: %s",
            len(spans), traces, "; ".join(trigger.description for trigger in asking),
        )  # fmt: skip
        return spans

    def held(self) -> int:
        """Return how many spans are held."""
        return self._spans

    def held_bytes(self) -> int:
        """Return the memory they take, by their own estimate."""
        return self._bytes

    def figures(self) -> Iterator[Figure]:
        """Yield how many spans are held."""
        yield Figure(names.METRIC_SAMPLING_RETAINED, self._spans, {})

    def forget(self) -> None:
        """Drop everything: in a forked child it is the parent's."""
        self._start_over()
        for trigger in self._triggers:
            trigger.in_child()

    def _drop_oldest(self) -> None:
        fragment = self._fragments.popleft()
        self._spans -= len(fragment.spans)
        self._bytes -= fragment.held_bytes


def _marked(span: EndedSpan) -> EndedSpan:
    state: TraceState | None = span.trace_state
    return span.marked(
        None if state is None else without_threshold(state),
        {names.SAMPLING_REASON: REASON} if span.is_local_root else {},
    )
