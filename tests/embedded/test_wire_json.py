"""OTLP/JSON in and out."""

from __future__ import annotations

import json

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelkit.embedded.wire_json import from_protobuf, to_protobuf
from otelkit.errors import WireError
from otelkit.model.signals import Signal

TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"

# The form of the examples in the protocol's own repository.
SPANS = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
            "scopeSpans": [
                {
                    "scope": {"name": "my.library", "version": "1.0.0"},
                    "spans": [
                        {
                            "traceId": TRACE.upper(),
                            "spanId": SPAN.upper(),
                            "parentSpanId": SPAN,
                            "flags": 769,
                            "name": "I'm a server span",
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": 1544712661000000000,
                            "kind": 2,
                            "attributes": [{"key": "n", "value": {"intValue": "-5"}}],
                            "links": [{"traceId": TRACE, "spanId": SPAN}],
                            "somethingNew": {"a": 1},
                        }
                    ],
                }
            ],
        }
    ]
}


def test_a_request_in_json_is_the_same_in_protobuf() -> None:
    """Hexadecimal ids, integers as text or number, and unknown fields are taken as the protocol says."""
    request = ExportTraceServiceRequest.FromString(to_protobuf("traces", json.dumps(SPANS).encode()))
    (span,) = request.resource_spans[0].scope_spans[0].spans

    assert span.trace_id.hex() == TRACE
    assert (span.span_id.hex(), span.parent_span_id.hex(), span.links[0].span_id.hex()) == (SPAN, SPAN, SPAN)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1544712660000000000, 1544712661000000000)
    assert (span.kind, span.flags, span.attributes[0].value.int_value) == (2, 769, -5)


def test_log_records_and_exemplars_have_hexadecimal_ids_too() -> None:
    """Every id of every signal is hexadecimal in JSON."""
    record = {"traceId": TRACE, "spanId": SPAN, "body": {"stringValue": "hello"}, "severityNumber": 9}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    exemplar = {"traceId": TRACE, "spanId": SPAN, "asInt": "1"}
    point = {"asDouble": 1.5, "timeUnixNano": "5", "exemplars": [exemplar]}
    metrics = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [point]}}]}]}]}
    as_log = ExportLogsServiceRequest.FromString(to_protobuf("logs", json.dumps(logs).encode()))
    as_point = ExportMetricsServiceRequest.FromString(to_protobuf("metrics", json.dumps(metrics).encode()))

    assert as_log.resource_logs[0].scope_logs[0].log_records[0].trace_id.hex() == TRACE
    data = as_point.resource_metrics[0].scope_metrics[0].metrics[0].gauge
    assert data.data_points[0].exemplars[0].span_id.hex() == SPAN
    assert from_protobuf("logs", as_log.SerializeToString()) == logs
    assert from_protobuf("metrics", as_point.SerializeToString())["resourceMetrics"] == metrics["resourceMetrics"]


def test_ids_come_out_hexadecimal_and_enums_as_numbers() -> None:
    """The way back gives the same JSON, where protobuf's own gives base64 and names."""
    body = to_protobuf("traces", json.dumps(SPANS).encode())
    (span,) = from_protobuf("traces", body)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    (of_protobuf,) = MessageToDict(ExportTraceServiceRequest.FromString(body))["resourceSpans"][0]["scopeSpans"][0][
        "spans"
    ]

    assert (span["traceId"], span["kind"]) == (TRACE, 2)
    assert (of_protobuf["traceId"], of_protobuf["kind"]) != (TRACE, 2)


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"7",
        b'{"resourceSpans": 5, "resourceLogs": 5, "resourceMetrics": 5}',
        b'{"resourceSpans": [5], "resourceLogs": [5], "resourceMetrics": [5]}',
        b'{"resourceSpans": {"a": 1}, "resourceLogs": {"a": 1}, "resourceMetrics": {"a": 1}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_request_is_refused(signal: Signal, body: bytes) -> None:
    """Whatever is sent as JSON, the answer is an error of ours and never a crash."""
    with pytest.raises(WireError, match="malformed"):
        to_protobuf(signal, body)


@pytest.mark.parametrize(
    "span",
    [
        {"traceId": "not hexadecimal"},
        {"traceId": "abc"},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": -1},
        {"flags": "many"},
        {"attributes": [{"key": "k", "value": {"intValue": "9" * 30}}]},
        {"attributes": [{"key": "k", "value": {"stringValue": "\ud800"}}]},
        {"name": 5},
    ],
)
def test_a_wrong_value_is_refused_with_its_reason(span: dict[str, object]) -> None:
    """A value of a wrong type or range is named in the error."""
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()

    with pytest.raises(WireError, match="malformed"):
        to_protobuf("traces", body)


def test_values_nested_without_end_are_refused() -> None:
    """Nor does a value nested a thousand levels deep crash it."""
    value: dict[str, object] = {"stringValue": "x"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    span = {"attributes": [{"key": "k", "value": value}]}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()

    with pytest.raises(WireError, match="malformed"):
        to_protobuf("traces", body)
