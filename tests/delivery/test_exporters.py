"""The exporters, with the stock OTLP exporters inside and real servers outside."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExportResult, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ConsoleMetricExporter,
    InMemoryMetricReader,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace.export import SpanExportResult

from otelkit._assembly.encoders import encoder
from otelkit.delivery.exporters import (
    DeliveredLogExporter,
    DeliveredMetricExporter,
    DeliveredSpanExporter,
)
from otelkit.delivery.notice import Notice
from otelkit.delivery.spool import Spool, read_spool
from otelkit.ledger.ledger import Ledger
from otelkit.model.signals import Signal
from tests.delivery import network
from tests.forking import in_child
from tests.otlp_server import otlp_server
from tests.spans.made import spans

pytestmark = pytest.mark.sdk


class Around:
    """What an exporter needs around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger()
        self.stderr = io.StringIO()
        self.spool = Spool(folder, 10**7, self.ledger)
        self.notice = Notice(folder, stream=self.stderr)

    def of(self, signal: Signal) -> dict[str, Any]:
        """Return the arguments of an exporter."""
        return {
            "account": self.ledger,
            "spool": self.spool,
            "notice": self.notice,
            "encode": encoder(signal),
        }

    def account(self, signal: Signal) -> tuple[int, int, dict[str, int], int]:
        """Delivered, spooled, lost, pending."""
        counts = self.ledger.counts(signal)
        return counts.delivered, counts.spooled, dict(counts.lost), counts.pending

    def span_exporter(self, url: str, **options: Any) -> DeliveredSpanExporter:
        endpoint = f"{url}/v1/traces"
        return DeliveredSpanExporter(
            "otlp", lambda: OTLPSpanExporter(endpoint, timeout=options.pop("timeout", 10)), endpoint=endpoint,
            **self.of("traces") | options,
        )  # fmt: skip


@pytest.fixture
def around(tmp_path: Path) -> Around:
    return Around(tmp_path)


def test_spans_arrive(around: Around) -> None:
    """Over the stock exporter, counted as delivered when the server has said so."""
    with otlp_server() as server:
        exporter = around.span_exporter(server.url)
        result = exporter.export(spans(3, around.ledger))
        assert exporter.force_flush(5000)
        exporter.shutdown()

        assert result is SpanExportResult.SUCCESS
        assert [span.name for span in server.spans] == ["s0", "s1", "s2"]
        assert around.account("traces") == (3, 0, {}, 0)


@contextmanager
def nobody() -> Iterator[str]:
    yield network.refused()


BAD_NETWORKS: dict[str, Callable[[], Any]] = {
    "refuses": nobody,
    "answers 503": lambda: network.server(network.answering(503)),
    "answers 503 and asks for patience": lambda: network.server(
        network.answering(503, headers="Retry-After: 3600\r\n")
    ),
    "answers 400": lambda: network.server(network.answering(400)),
    "answers 401": lambda: network.server(network.answering(401)),
    "never answers": lambda: network.server(network.silent),
    "answers a byte at a time": lambda: network.server(network.dripping),
    "dies in the middle": lambda: network.server(network.dying),
}


@pytest.mark.parametrize("bad", BAD_NETWORKS.values(), ids=BAD_NETWORKS)
def test_what_a_bad_network_does_not_take_is_spooled_in_time(
    around: Around, bad: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The program ends meanwhile: everything is on disk, one line is said, and the stock exporter is not heard."""
    with bad() as url, caplog.at_level(logging.WARNING):
        exporter = around.span_exporter(url)
        exporter.exit_by(time.monotonic() + 0.4)
        result = exporter.export(spans(3, around.ledger))
        exporter.export(spans(2, around.ledger))
        exporter.close(0.2)

    requests = [ExportTraceServiceRequest.FromString(request.body) for request in read_spool(around.folder)]
    names = [span.name for request in requests for span in request.resource_spans[0].scope_spans[0].spans]
    assert result is SpanExportResult.SUCCESS
    assert names == ["s0", "s1", "s2", "s0", "s1"]
    assert around.account("traces") == (0, 5, {}, 0)
    assert around.stderr.getvalue().count("\n") == 1
    assert [record.name for record in caplog.records if record.name.startswith("opentelemetry.exporter")] == []


def test_a_server_that_recovers_within_the_exporters_own_retries_gets_everything(around: Around) -> None:
    """A 503 with a short Retry-After is waited for by the stock exporter, and nothing is spooled."""
    with network.server(network.answering(503, 200, headers="Retry-After: 0\r\n")) as url:
        exporter = around.span_exporter(url)
        exporter.export(spans(3, around.ledger))
        exporter.shutdown()

    assert around.account("traces") == (3, 0, {}, 0)
    assert around.stderr.getvalue() == ""


def test_the_reason_is_told(around: Around) -> None:
    """What the stock exporter said about it stands in our one line."""
    with network.server(network.answering(401)) as url:
        exporter = around.span_exporter(url)
        exporter.export(spans(1, around.ledger))
        exporter.shutdown()

    assert "does not take telemetry (401 Status)" in around.stderr.getvalue()


def test_log_records_arrive_or_are_spooled(around: Around) -> None:
    """The same way out, with log records."""
    provider = LoggerProvider(shutdown_on_exit=False)

    with otlp_server() as server:
        good = DeliveredLogExporter("otlp", lambda: OTLPLogExporter(f"{server.url}/v1/logs"), **around.of("logs"))
        processor = SimpleLogRecordProcessor(good)
        provider.add_log_record_processor(processor)
        around.ledger.created("logs")
        provider.get_logger("t").emit(body="delivered")
        assert good.force_flush(5000)
        good.shutdown()
        processor.shutdown()

        assert [log.body for log in server.logs] == ["delivered"]
    endpoint = f"{network.refused()}/v1/logs"
    bad = DeliveredLogExporter("otlp", lambda: OTLPLogExporter(endpoint), endpoint=endpoint, **around.of("logs"))
    second = LoggerProvider(shutdown_on_exit=False)
    second.add_log_record_processor(SimpleLogRecordProcessor(bad))
    around.ledger.created("logs")
    second.get_logger("t").emit(body="kept")
    assert bad.force_flush(100) is False
    second.shutdown()
    provider.shutdown()

    (request,) = read_spool(around.folder)
    found = ExportLogsServiceRequest.FromString(request.body)
    assert found.resource_logs[0].scope_logs[0].log_records[0].body.string_value == "kept"
    assert around.account("logs") == (1, 1, {}, 0)
    assert bad.export([]) is LogRecordExportResult.SUCCESS


def metric_exporter(around: Around, url: str, **options: Any) -> DeliveredMetricExporter:
    endpoint = f"{url}/v1/metrics"
    return DeliveredMetricExporter(
        "otlp", lambda: OTLPMetricExporter(endpoint, **options), endpoint=endpoint, **around.of("metrics")
    )


def count_something(exporter: DeliveredMetricExporter) -> MeterProvider:
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, 3_600_000)], shutdown_on_exit=False)
    counter = provider.get_meter("t").create_counter("things")
    counter.add(1, {"kind": "a"})
    counter.add(2, {"kind": "b"})
    return provider


def test_metric_points_arrive_or_are_spooled(around: Around) -> None:
    """Counted point by point: two attribute sets are two points."""
    with otlp_server() as server:
        provider = count_something(metric_exporter(around, server.url))
        assert provider.force_flush(5000)
        assert sorted((point.attributes["kind"], point.raw.as_int) for point in server.points) == [("a", 1), ("b", 2)]
        assert around.account("metrics") == (2, 0, {}, 0)
        provider.shutdown()
    count_something(metric_exporter(around, network.refused())).shutdown()

    (request,) = read_spool(around.folder)
    found = ExportMetricsServiceRequest.FromString(request.body)
    assert len(found.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points) == request.count == 2
    counts = around.ledger.counts("metrics")
    assert (counts.spooled, counts.pending) == (2, 0)


def test_the_reader_learns_what_the_exporter_prefers(around: Around) -> None:
    """Temporality is kept under a private name by the SDK; this fails when it moves."""
    exporter = metric_exporter(around, network.refused(), preferred_temporality={Counter: AggregationTemporality.DELTA})
    provider = count_something(exporter)
    provider.shutdown()

    (request,) = read_spool(around.folder)
    found = ExportMetricsServiceRequest.FromString(request.body)
    metric = found.resource_metrics[0].scope_metrics[0].metrics[0]
    assert metric.sum.aggregation_temporality == 1, "the SDK's number for DELTA"


def test_a_metric_exporter_that_cannot_be_built_says_so_at_once(around: Around) -> None:
    """The reader needs it from the start; whoever installs deals with it."""

    def broken() -> Any:
        raise RuntimeError("no certificate")

    with pytest.raises(RuntimeError, match="no certificate"):
        DeliveredMetricExporter("otlp", broken, **around.of("metrics"))


def test_a_child_does_not_send_its_parents_metrics(around: Around) -> None:
    """The inherited reader runs in the child too; its exporter takes everything and sends nothing."""
    with otlp_server() as server:
        exporter = metric_exporter(around, server.url)
        provider = count_something(exporter)

        def child() -> object:
            flushed = provider.force_flush(5000)
            provider.shutdown()
            return [flushed, around.ledger.counts("metrics").created]

        assert in_child(child) == [True, 0]
        assert server.points == []
        assert provider.force_flush(5000)
        assert len(server.points) == 2
        provider.shutdown()


def test_the_last_metrics_are_spooled_when_the_server_never_answers(around: Around) -> None:
    """The last export happens while the program ends, and is waited for no longer than allowed."""
    with network.server(network.silent) as url:
        exporter = metric_exporter(around, url)
        provider = count_something(exporter)
        exporter.exit_by(time.monotonic() + 0.3)
        provider.shutdown(5000)

    assert around.account("metrics") == (0, 2, {}, 0)


def test_metrics_that_are_not_otlp_are_delivered_too(around: Around) -> None:
    """Any MetricExporter; what it does not take is lost, not spooled."""
    written = io.StringIO()
    options = around.of("metrics") | {"encode": None}
    exporter = DeliveredMetricExporter("console", lambda: ConsoleMetricExporter(out=written), **options)
    provider = count_something(exporter)
    provider.shutdown()

    assert '"things"' in written.getvalue()
    assert around.account("metrics") == (2, 0, {}, 0)


def test_an_export_of_nothing_succeeds(around: Around) -> None:
    """Without asking the network."""
    data = InMemoryMetricReader()
    provider = MeterProvider([data], shutdown_on_exit=False)
    provider.get_meter("t").create_counter("c").add(1)
    collected = data.get_metrics_data()
    assert collected is not None
    exporter = metric_exporter(around, network.refused())

    assert exporter.export(type(collected)(resource_metrics=[])) is MetricExportResult.SUCCESS
    assert around.ledger.counts("metrics").created == 0
    exporter.shutdown()
    provider.shutdown()


def test_exports_from_several_threads_are_each_counted_once(around: Around) -> None:
    """A SimpleSpanProcessor in front exports in the threads of the program."""
    with otlp_server() as server:
        exporter = around.span_exporter(server.url)
        batches = [spans(5, around.ledger) for _ in range(12)]
        threads = [threading.Thread(target=exporter.export, args=(batch,)) for batch in batches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        exporter.shutdown()

        assert len(server.spans) == 60
        assert around.account("traces") == (60, 0, {}, 0)
