"""A share of the log records that say nothing is wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otelkit import names
from otelkit.ledger.ledger import Ledger
from otelkit.logs.processor import BufferedLogProcessor
from otelkit.logs.sampling import LogSampling
from otelkit.sampling.ratio import OtelkitRatio
from tests.sampling.binomial import bounds

TRIALS = 2000
HALF = 1 << 55


class Path:
    """A provider whose records are sampled, and what leaves it."""

    def __init__(self, ratio: float, seed: int = 5) -> None:
        self.ledger = Ledger()
        self.left: list[Any] = []
        sampling = LogSampling(ratio, OtelkitRatio(ratio).keeps, random.Random(seed).random)
        self.processor = BufferedLogProcessor(
            self._deliver, self.ledger, limit=10_000, batch=10_000, delay_s=3600, sampling=sampling
        )
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(self.processor)
        self._logger = provider.get_logger("app")

    def _deliver(self, batch: Sequence[ReadableLogRecord]) -> None:
        self.left += [record.log_record for record in batch]

    def emit(self, severity: SeverityNumber | None, *, trace_id: int = 0, event: str | None = None) -> None:
        context = Context()
        if trace_id:
            parent = SpanContext(trace_id, 1, False, TraceFlags(0))
            context = set_span_in_context(NonRecordingSpan(parent), context)
        self._logger.emit(body="b", severity_number=severity, context=context, event_name=event, attributes={"a": 1})

    def close(self) -> list[Any]:
        self.processor.shutdown()
        return self.left


@pytest.mark.requirement("LOG-26")
def test_of_records_without_a_trace_a_share_is_exported_and_says_so() -> None:
    """As many as the binomial allows with an error probability of 1e-6; what is left out is dropped, not lost."""
    path = Path(0.25)
    for _ in range(TRIALS):
        path.emit(SeverityNumber.INFO)
    left = path.close()
    lowest, highest = bounds(TRIALS, 0.25)

    assert lowest <= len(left) <= highest
    assert {tuple(record.attributes.items()) for record in left} == {(("a", 1), (names.SAMPLING_RATE, 0.25))}
    counts = path.ledger.counts("logs")
    assert (counts.created, counts.dropped, sum(counts.lost.values())) == (TRIALS, TRIALS - len(left), 0)


@pytest.mark.requirement("LOG-26")
def test_the_records_of_one_trace_leave_together_and_with_the_trace() -> None:
    """At the share at which `otelkit_ratio` would keep it."""
    path = Path(0.5)
    for _ in range(20):
        path.emit(SeverityNumber.DEBUG, trace_id=(1 << 100) | HALF)
        path.emit(SeverityNumber.DEBUG, trace_id=(1 << 100) | (HALF - 1))
    left = path.close()

    assert [record.trace_id for record in left] == [(1 << 100) | HALF] * 20


@pytest.mark.parametrize(
    ("severity", "event"),
    [
        (SeverityNumber.WARN, None),
        (SeverityNumber.ERROR, None),
        (SeverityNumber.FATAL, None),
        (SeverityNumber.UNSPECIFIED, None),
        (None, None),
        (SeverityNumber.INFO, "pipeline.stage.heartbeat"),
    ],
)
def test_what_may_matter_is_always_exported(severity: SeverityNumber | None, event: str | None) -> None:
    """Warnings and errors, events, and what does not say how severe it is; and it stands for itself."""
    path = Path(0.0)
    for _ in range(20):
        path.emit(severity, event=event)
    left = path.close()

    assert len(left) == 20
    assert {tuple(record.attributes.items()) for record in left} == {(("a", 1),)}
