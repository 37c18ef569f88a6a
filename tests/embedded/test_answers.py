"""The receiver's answers, read with the official classes."""

from __future__ import annotations

import json

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otelkit.embedded import answers
from otelkit.embedded.answers import Code


@pytest.mark.parametrize("rejected", [0, 1, 127, 128, 1_000_000])
@pytest.mark.parametrize("reason", ["", "trace id of 3 bytes: ü"])
def test_partial_success_reads_as_the_official_message(rejected: int, reason: str) -> None:
    """The three signals' responses have one form."""
    raw = answers.export_response(rejected, reason)
    traces = ExportTraceServiceResponse.FromString(raw).partial_success
    metrics = ExportMetricsServiceResponse.FromString(raw).partial_success
    logs = ExportLogsServiceResponse.FromString(raw).partial_success

    assert (traces.rejected_spans, traces.error_message) == (rejected, reason)
    assert (metrics.rejected_data_points, metrics.error_message) == (rejected, reason)
    assert (logs.rejected_log_records, logs.error_message) == (rejected, reason)


def test_full_success_is_the_empty_message() -> None:
    """The specification asks that partial_success is not set then."""
    assert answers.export_response(0, "") == b""
    assert answers.export_response_json("traces", 0, "") == b"{}"


@pytest.mark.parametrize(
    ("signal", "key"), [("traces", "rejectedSpans"), ("metrics", "rejectedDataPoints"), ("logs", "rejectedLogRecords")]
)
def test_partial_success_in_json_has_the_signals_own_key(signal: str, key: str) -> None:
    """64-bit numbers are strings in protobuf's JSON."""
    said = json.loads(answers.export_response_json(signal, 3, "why"))  # type: ignore[arg-type] # one of the three

    assert said == {"partialSuccess": {key: "3", "errorMessage": "why"}}


def test_an_error_is_a_google_rpc_status() -> None:
    """With its code and its words, in both forms."""
    raw = Status.FromString(answers.status(Code.INVALID_ARGUMENT, "it is no OTLP"))

    assert (raw.code, raw.message) == (3, "it is no OTLP")
    assert json.loads(answers.status_json(Code.INVALID_ARGUMENT, "x")) == {"code": 3, "message": "x"}


def test_a_status_can_say_when_to_try_again() -> None:
    """As gRPC senders look for it."""
    status = Status.FromString(answers.status_with_retry(Code.UNAVAILABLE, "full", 7))
    (detail,) = status.details
    info = RetryInfo()

    assert detail.Unpack(info)
    assert (status.code, info.retry_delay.seconds) == (14, 7)
    assert RetryInfo.FromString(answers.retry_info(300)).retry_delay.seconds == 300
