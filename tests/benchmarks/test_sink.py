"""The OTLP server that the benchmarks send to."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from benchmarks.sink import histogram_count, running, take_counts


def send(exporter: SpanExporter, spans: int) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for _ in range(spans):
        provider.get_tracer("test").start_span("x").end()
    provider.shutdown()


def test_spans_are_counted_once() -> None:
    """What the stock exporter sends is counted, gzip or not, and forgotten once it was asked for."""
    from opentelemetry.exporter.otlp.proto.http import Compression

    with running() as url:
        send(OTLPSpanExporter(f"{url}/v1/traces"), 3)
        send(OTLPSpanExporter(f"{url}/v1/traces", compression=Compression.Gzip), 2)
        first, second = take_counts(url), take_counts(url)

    assert (first["spans"], second) == (5, {"spans": 0, "records": 0, "requests": 0, "metric_requests": 0, "bytes": 0})


def test_a_histogram_is_counted_as_it_was_last_sent() -> None:
    """Values of all attribute sets count, however often they were sent."""
    with running() as url:
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(f"{url}/v1/metrics"), export_interval_millis=3_600_000
        )
        provider = MeterProvider([reader], shutdown_on_exit=False)
        histogram = provider.get_meter("test").create_histogram("duration")
        for number in range(5):
            histogram.record(0.1, {"parity": number % 2})
            provider.force_flush()
        take_counts(url)

        assert (histogram_count(url, "duration"), histogram_count(url, "other")) == (5, 0)
        provider.shutdown()
