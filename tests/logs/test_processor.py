"""Log records on their way to the exporters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord

from otelkit.logs.processor import BufferedLogProcessor
from otelkit.model.signals import Signal


class Tally:
    """An account that can be read."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def created(self, signal: Signal, count: int = 1) -> None:
        self.counts[f"{signal} created"] += count

    def delivered(self, signal: Signal, count: int) -> None:
        self.counts[f"{signal} delivered"] += count

    def spooled(self, signal: Signal, count: int) -> None:
        self.counts[f"{signal} spooled"] += count

    def lost(self, signal: Signal, count: int, reason: str) -> None:
        self.counts[f"{signal} lost: {reason}"] += count


def path(limit: int = 100) -> tuple[LoggerProvider, BufferedLogProcessor, Tally, list[list[ReadableLogRecord]]]:
    """Return a provider, its processor, the account and the batches delivered; nothing is delivered before a flush."""
    batches: list[list[ReadableLogRecord]] = []
    tally = Tally()

    def deliver(batch: Sequence[ReadableLogRecord]) -> None:
        batches.append(list(batch))

    processor = BufferedLogProcessor(deliver, tally, limit=limit, batch=1000, delay_s=3600)
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(processor)
    return provider, processor, tally, batches


def test_records_are_delivered_in_order_and_without_ids_among_their_attributes() -> None:
    """What another handler put there for log lines stays here; what the program put there goes along."""
    provider, processor, tally, batches = path()
    logger = provider.get_logger("app")
    logger.emit(body="first", attributes={"rows": 3, "otelTraceID": "a", "otelSpanID": "b", "otelTraceSampled": True})
    logger.emit(body="second")
    processor.force_flush()
    processor.shutdown()

    assert [[(r.log_record.body, dict(r.log_record.attributes or {})) for r in batch] for batch in batches] == [
        [("first", {"rows": 3}), ("second", {})]
    ]
    assert tally.counts == {"logs created": 2}


def test_what_finds_the_buffer_full_is_counted_as_lost() -> None:
    """Logging never waits; the account says what is missing."""
    provider, processor, tally, batches = path(limit=2)
    for number in range(5):
        provider.get_logger("app").emit(body=str(number))
    processor.shutdown()

    assert [record.log_record.body for batch in batches for record in batch] == ["0", "1"]
    assert tally.counts == {"logs created": 5, "logs lost: buffer_full": 3}


def test_what_comes_after_shutdown_is_counted_as_such() -> None:
    """A larger buffer would not have kept it, so the account does not say that the buffer was full."""
    provider, processor, tally, _ = path()
    logger = provider.get_logger("app")
    logger.emit(body="in time")
    processor.shutdown()
    logger.emit(body="late")

    assert tally.counts == {"logs created": 2, "logs lost: after_shutdown": 1}
