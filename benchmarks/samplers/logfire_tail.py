"""A tail sampler as Logfire's SDK has it: whole traces by level or duration, and a share of the rest."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.traffic import SECOND, MadeTrace

_ID_BITS = (1 << 64) - 1


@dataclass(slots=True)
class _Buffered:
    """What is held of a trace: each span as it starts, and once more as it ends."""

    spans: int


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

    def __init__(self, slow_s: float, background: float, seed: int = 0) -> None:
        super().__init__(seed)
        self._slow_ns = slow_s * SECOND
        self._bound = round(background * (1 << 64))
        self._held: dict[int, _Buffered] = {}
        self._spans = 0

    def starts(self, trace: MadeTrace) -> None:
        # Children start and end while the root runs; all of them are held until it ends.
        self._held[trace.trace_id] = _Buffered(trace.spans)
        self._spans += trace.spans

    def ends(self, trace: MadeTrace) -> None:
        self._spans -= self._held.pop(trace.trace_id).spans
        if trace.error_type is not None or trace.duration_ns > self._slow_ns or trace.trace_id & _ID_BITS < self._bound:
            self.keep(trace)

    def held_spans(self) -> int:
        return self._spans
