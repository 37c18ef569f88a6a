"""otelkit's samplers as contestants."""

from __future__ import annotations

from opentelemetry.sdk.trace.sampling import Decision

from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.traffic import MadeTrace
from otelkit.sampling.ratio import OtelkitRatio
from otelkit.sampling.tracestate import threshold_of


class Ratio(Contestant):
    """`otelkit_ratio`."""

    name = "otelkit_ratio"

    def __init__(self, share: float, seed: int = 0) -> None:
        super().__init__(seed)
        self._sampler = OtelkitRatio(share)

    def starts(self, trace: MadeTrace) -> None:
        said = self._sampler.should_sample(None, trace.trace_id, trace.stage)
        if said.decision is Decision.RECORD_AND_SAMPLE:
            self.keep(trace, threshold_of(said.trace_state), reason="ratio")
