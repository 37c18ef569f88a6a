"""A tail sampler as Logfire's SDK has it: whole traces by level or duration, and a share of the rest."""

from __future__ import annotations

from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.traffic import SECOND, MadeTrace

_ID_BITS = (1 << 64) - 1


class LogfireTail(Contestant):
    """Holds every trace until a span of it fails or lasts too long, else until its root ends; nothing bounds what it holds.

    The threshold of the duration is one number for everything. The rest is kept by the trace id. No ``th`` is written, and
    nothing tells at which probability a trace was kept.

    Args:
        slow_s: Longer traces are kept.
        background: Share of the others.

    Source: Logfire's documentation, "Sampling", and the behaviour of its ``TailSamplingProcessor``.
    """

    name = "Logfire-style tail"
    by_span = True

    def __init__(self, slow_s: float, background: float, seed: int = 0) -> None:
        super().__init__(seed)
        self._slow_ns = slow_s * SECOND
        self._bound = round(background * (1 << 64))
        self._held: dict[int, list[tuple[MadeTrace, int]]] = {}
        self._spans = 0

    def starts(self, trace: MadeTrace) -> None:
        self._held[trace.trace_id] = []

    def child_ends(self, trace: MadeTrace, index: int) -> None:
        self._held[trace.trace_id].append((trace, index))
        self._spans += 1

    def ends(self, trace: MadeTrace) -> None:
        self._spans -= len(self._held.pop(trace.trace_id))
        if trace.error_type is not None or trace.duration_ns > self._slow_ns or trace.trace_id & _ID_BITS < self._bound:
            self.keep(trace)

    def held_spans(self) -> int:
        return self._spans
