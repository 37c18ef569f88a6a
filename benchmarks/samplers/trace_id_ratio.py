"""OpenTelemetry's own sampler, as most programs have it: ParentBased(TraceIdRatio)."""

from __future__ import annotations

from opentelemetry.sdk.trace.sampling import Decision, ParentBasedTraceIdRatio

from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.traffic import MadeTrace


class StockRatio(Contestant):
    """Keeps a share by the trace id; writes no ``th``, and nothing else of its probability."""

    name = "ParentBased(TraceIdRatio)"

    def __init__(self, share: float, seed: int = 0) -> None:
        super().__init__(seed)
        self._sampler = ParentBasedTraceIdRatio(share)

    def starts(self, trace: MadeTrace) -> None:
        if self._sampler.should_sample(None, trace.trace_id, trace.stage).decision is Decision.RECORD_AND_SAMPLE:
            self.keep(trace)
