"""Stock span processors as steps."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otelkit.model.steps import Phase
from otelkit.spans.adopt import AdoptedProcessor
from otelkit.spans.outbox import Outbox
from otelkit.spans.rebuild import rebuild
from tests.spans.made import Answering, chain, spans

pytestmark = [pytest.mark.sdk, pytest.mark.requirement("TRC-23")]


class Noting(SpanProcessor):
    """Writes down what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.calls.append(("on_start", span.name, parent_context))
        span.set_attribute("seen", True)

    def on_end(self, span: ReadableSpan) -> None:
        self.calls.append(("on_end", span.name))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        self.calls.append(("force_flush", timeout_millis))
        return True

    def shutdown(self) -> None:
        self.calls.append(("shutdown",))


def test_a_processor_is_asked_everything_the_sdk_would_ask() -> None:
    """on_start with the live span, on_end, force_flush and shutdown."""
    noting = Noting()
    path, ledger, sink = chain(AdoptedProcessor("noting", noting))
    processor = Outbox(path, ledger, limit=100, batch=10, delay_s=0.01)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    with provider.get_tracer("t").start_as_current_span("work"):
        pass
    assert processor.force_flush(5000)
    provider.shutdown()

    kinds = [call[0] for call in noting.calls]
    assert kinds == ["on_start", "on_end", "force_flush", "shutdown"]
    assert sink.spans[0].attributes == {"seen": True}


def test_a_processor_sees_what_redaction_made_of_the_span() -> None:
    """It stands behind REDACT whatever its name is."""
    exporter = InMemorySpanExporter()
    redact = Answering(lambda span: [rebuild(span, attributes={"card": "****"})], "zz-redact", Phase.REDACT)
    path, ledger, _ = chain(AdoptedProcessor("aa-vendor", SimpleSpanProcessor(exporter)), redact)
    path.run(spans(1, ledger, card="4111 1111 1111 1111"))

    assert [dict(span.attributes or {}) for span in exporter.get_finished_spans()] == [{"card": "****"}]


def test_a_stock_batch_processor_gets_every_span_and_its_exporter_is_shut_down() -> None:
    """What it buffers is exported when the chain is flushed, and again when it is closed."""
    exporter = InMemorySpanExporter()
    path, ledger, sink = chain(AdoptedProcessor("vendor", BatchSpanProcessor(exporter)))
    path.run(spans(3, ledger))
    assert path.flush(5)
    assert len(exporter.get_finished_spans()) == 3
    path.run(spans(2, ledger))
    path.close(5)

    assert len(exporter.get_finished_spans()) == 5
    assert len(sink.spans) == 5
    assert ledger.counts("traces").pending == 0


def test_a_processor_that_returns_nothing_from_force_flush_has_not_failed() -> None:
    """Many processors out there do."""

    class Silent(SpanProcessor):
        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return None  # type: ignore[return-value] # as they do

    class Failing(SpanProcessor):
        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return False

    assert AdoptedProcessor("silent", Silent()).flush(1) is True
    assert AdoptedProcessor("failing", Failing()).flush(1) is False


def test_a_raising_processor_harms_nothing_but_itself() -> None:
    """Not the span, not the program, not the other processors."""
    exporter = InMemorySpanExporter()

    class Raising(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            raise RuntimeError("in on_start")

        def on_end(self, span: ReadableSpan) -> None:
            raise RuntimeError("in on_end")

    path, ledger, sink = chain(
        AdoptedProcessor("raising", Raising()), AdoptedProcessor("vendor", SimpleSpanProcessor(exporter))
    )
    provider = TracerProvider(shutdown_on_exit=False)
    processor = Outbox(path, ledger, limit=100, batch=10, delay_s=0.01)
    provider.add_span_processor(processor)
    with provider.get_tracer("t").start_as_current_span("work"):
        pass
    assert processor.force_flush(5000)

    assert path.barriers["raising"].faults == 2
    assert (sink.names, len(exporter.get_finished_spans())) == (["work"], 1)
    provider.shutdown()
