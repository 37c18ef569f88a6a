"""The stock SDK as its documentation has it: batch processor, OTLP over HTTP, and the histogram that a stage records too."""

from __future__ import annotations

import time

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from benchmarks.contestants import ATTRIBUTES, FLUSH_S, Arrived, Contestant, not_sampled, work

STOCK_SPAN = "stock SDK span"
STOCK_NOT_SAMPLED = "stock SDK span + histogram, not sampled"

HOUR_MS = 3_600_000
_QUEUE = 1 << 17
"""Far above its default of 2,048, with which it would lose most spans of a turn and be fast for the wrong reason."""


def stock(url: str, arrived: Arrived) -> dict[str, Contestant]:
    """Return OpenTelemetry's own SDK, sending to a sink: a span by hand, and a span with a histogram."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces"), max_queue_size=_QUEUE))
    tracer = provider.get_tracer("benchmark")
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{url}/v1/metrics"), export_interval_millis=HOUR_MS)
    meters = MeterProvider([reader], shutdown_on_exit=False)
    duration = meters.get_meter("benchmark").create_histogram("duration", "s")

    def span(path: str) -> int:
        with tracer.start_as_current_span("work", attributes={**ATTRIBUTES, "path": path}):
            return work(path)

    def span_and_histogram(path: str) -> int:
        with tracer.start_as_current_span("work", attributes={**ATTRIBUTES, "path": path}):
            began = time.perf_counter()
            try:
                return work(path)
            finally:
                duration.record(time.perf_counter() - began, ATTRIBUTES)

    def flush() -> None:
        provider.force_flush(int(FLUSH_S * 1000))
        meters.force_flush(int(FLUSH_S * 1000))

    return {
        "stock SDK span, not sampled": Contestant(span, flush, arrived, around=not_sampled),
        STOCK_NOT_SAMPLED: Contestant(span_and_histogram, flush, arrived, around=not_sampled),
        STOCK_SPAN: Contestant(span, flush, arrived, makes_spans=True),
        "stock SDK span + histogram": Contestant(span_and_histogram, flush, arrived, makes_spans=True),
    }
