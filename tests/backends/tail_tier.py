"""The page's second tier: a Collector that decides on whole traces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.backends.configurations import from_page
from tests.backends.prometheus import Prometheus
from tests.backends.span_counts import SpanCounts, span_counts

RAISE_TH = "processor.tailsamplingprocessor.usetracestate"
NAME_POLICY = "processor.tailsamplingprocessor.recordpolicy"
WAIT = "5s"
"""How long it waits for the rest of a trace: longer than a program holds back what has ended."""


@contextmanager
def tail_tier(
    folder: Path, prometheus: Prometheus, gates: Sequence[str] = (RAISE_TH, NAME_POLICY)
) -> Iterator[SpanCounts]:
    """Run one with these feature gates open."""
    with span_counts(folder, from_page("The second tier"), prometheus, gates, DECISION_WAIT=WAIT) as it:
        yield it


def arrived(tier: SpanCounts) -> float:
    """Return how many traces the tier has seen."""
    return tier.collector.own("otelcol_processor_tail_sampling_new_trace_id_received")


def decided(tier: SpanCounts) -> float:
    """Return on how many of them it has decided."""
    return tier.collector.own("otelcol_processor_tail_sampling_global_count_traces_sampled")
