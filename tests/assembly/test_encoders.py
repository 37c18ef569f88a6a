from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otelkit._assembly.encoders import encoder, say_once, span_encoder
from tests.spans.made import spans as made
from tests.spans.otlp.stage_calls import call


def test_each_signal_has_its_encoder() -> None:
    """Spans, records and metrics are each taken as the SDK hands them over."""
    reader = InMemoryMetricReader()
    MeterProvider([reader], shutdown_on_exit=False).get_meter("t").create_counter("c").add(1)

    assert [each.written for each in encoder("traces")(made(3))] == [3]
    assert [each.written for each in encoder("logs")([])] == [0]
    assert [each.written for each in encoder("metrics")(reader.get_metrics_data())] == [1]


def test_stage_spans_have_the_resource_of_the_process() -> None:
    """They bring none of their own."""
    (encoded,) = span_encoder({"service.name": "here"}, "https://example.org")([call()])

    (group,) = ExportTraceServiceRequest.FromString(encoded.body).resource_spans
    assert (group.resource.attributes[0].value.string_value, group.schema_url) == ("here", "https://example.org")


def test_why_items_are_lost_is_said_once_per_cause(caplog: pytest.LogCaptureFixture) -> None:
    """A million spans of a broken class make one line, not a million."""

    class Unsayable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    say = say_once("spans")
    with caplog.at_level(logging.ERROR):
        for error in (ValueError("one"), ValueError("two"), Unsayable()):
            say(error)

    assert [record.getMessage() for record in caplog.records] == [
        "spans that can't be written are lost: ValueError: one",
        "spans that can't be written are lost: Unsayable: (it can't be printed)",
    ]


def test_records_that_cannot_be_written_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """Each signal's encoder says so."""
    broken = ReadableLogRecord(None, None)  # type: ignore[arg-type] # that is the claim

    (encoded,) = encoder("logs")([broken])

    assert encoded.left_out == 1
    assert "log records that can't be written are lost: AttributeError" in caplog.text


def test_neither_protobuf_nor_requests_is_needed_to_write() -> None:
    """They would cost every program 100 ms at its start."""
    program = (
        "import sys, otelkit._assembly.install; print([m for m in ('google.protobuf', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "[]\n"
