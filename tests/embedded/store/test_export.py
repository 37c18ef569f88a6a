"""The store's content as OTLP/JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otelkit.embedded.store import open_reader
from otelkit.embedded.wire import Decoder
from otelkit.embedded.wire_json import to_protobuf
from otelkit.model.signals import Signal
from tests.embedded.otlp import REQUESTS, canonical, key_values
from tests.embedded.telemetry import RESOURCE, SpanOf, log, number, open_store, spans, spans_request, stage

SIGNALS: dict[str, Signal] = {"resourceSpans": "traces", "resourceLogs": "logs", "resourceMetrics": "metrics"}


def exported(path: Path, run_id: str | None = None) -> dict[Signal, list[bytes]]:
    """Return what is exported, as the official classes read it back, by signal."""
    found: dict[Signal, list[bytes]] = {"traces": [], "logs": [], "metrics": []}
    reader = open_reader(path)
    for piece in reader.export(run_id):
        (key,) = piece
        signal = SIGNALS[key]
        found[signal] += canonical(signal, to_protobuf(signal, json.dumps(piece).encode()))[0]
    reader.close()
    return found


def every_kind_of_metric() -> bytes:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add(schema_url="http://schema").scope_metrics.add(schema_url="http://scope")
    scope.scope.name = "meter"
    scope.metrics.add(name="g", unit="By").gauge.data_points.add(time_unix_nano=5, as_double=float("nan"))
    total = scope.metrics.add(name="s", description="d").sum
    total.is_monotonic, total.aggregation_temporality = True, 2
    for value in (3, -4):
        point = total.data_points.add(
            time_unix_nano=6, start_time_unix_nano=1, as_int=value, attributes=key_values({"value": value})
        )
        point.exemplars.add(time_unix_nano=6, as_int=1, trace_id=b"t" * 16, span_id=b"s" * 8)
    histogram = scope.metrics.add(name="h").histogram
    histogram.aggregation_temporality = 1
    histogram.data_points.add(time_unix_nano=7, count=3, sum=1.5, bucket_counts=[1, 2], explicit_bounds=[0.5], min=0.1)
    exponential = scope.metrics.add(name="e").exponential_histogram
    point = exponential.data_points.add(
        time_unix_nano=8, count=3, scale=-2, zero_count=1, attributes=key_values({"a": 1})
    )
    point.positive.bucket_counts.extend([1, 300])
    summary = scope.metrics.add(name="q", metadata=key_values({"m": 1})).summary
    summary.data_points.add(time_unix_nano=9, count=3, sum=4).quantile_values.add(quantile=0.5, value=1)
    return bytes(request.SerializeToString())


def test_what_was_sent_comes_out_again(tmp_path: Path) -> None:
    """An export holds every span, record and point with all its fields, ids and attributes."""
    path = tmp_path / "telemetry.db"
    store = open_store(path)
    span = stage("parse", item="a.py", trace_state="ot=th:8", error="bad")
    sent = spans_request([span, SpanOf("child", 1, trace=span.number, parent=span.number)])
    metrics = every_kind_of_metric()
    store.write(
        [Decoder().decode("traces", sent), Decoder().decode("metrics", metrics), log({"k": [1, b"x"]}, span=span)]
    )
    store.close()
    found = exported(path)

    assert sorted(found["traces"]) == sorted(canonical("traces", sent)[0])
    assert sorted(found["metrics"]) == sorted(canonical("metrics", metrics)[0])
    assert len(found["logs"]) == 1


def test_resources_and_scopes_come_out_again(tmp_path: Path) -> None:
    """Each item is under the resource and scope it was sent with."""
    path = tmp_path / "telemetry.db"
    store = open_store(path)
    metrics = every_kind_of_metric()
    store.write([Decoder().decode("metrics", metrics)])
    for worker in (1, 2):
        store.write([spans(SpanOf(), resource=RESOURCE | {"worker": worker})])
    store.close()
    reader = open_reader(path)
    pieces = list(reader.export())
    reader.close()
    workers = [
        attribute["value"]["intValue"]
        for resource in pieces[0]["resourceSpans"]
        for attribute in resource["resource"]["attributes"]
        if attribute["key"] == "worker"
    ]
    (resource,) = pieces[1]["resourceMetrics"]

    assert sorted(workers) == ["1", "2"]
    assert resource["schemaUrl"] == "http://schema"
    assert resource["scopeMetrics"][0]["schemaUrl"] == "http://scope"
    assert resource["scopeMetrics"][0]["scope"]["name"] == "meter"


def test_one_runs_export_has_what_belongs_to_it_and_nothing_else(tmp_path: Path) -> None:
    """Two runs whose traces, records and points arrived interleaved are told apart."""
    path = tmp_path / "telemetry.db"
    store = open_store(path)
    for index in range(40):
        resource: dict[str, Any] = {"pipeline.run.id": f"run-{index % 2}"}
        store.write(
            [
                spans(SpanOf(), SpanOf(trace=7), resource=resource),
                log(at_s=index, resource=resource),
                number("m", index, at_s=index, resource=resource),
            ]
        )
    store.close()
    whole, odd = exported(path), exported(path, "run-1")

    assert {signal: len(items) for signal, items in whole.items()} == {"traces": 80, "logs": 40, "metrics": 40}
    assert {signal: len(items) for signal, items in odd.items()} == {"traces": 40, "logs": 20, "metrics": 20}
    assert not any(exported(path, "run-7").values())


def test_a_large_export_comes_in_pieces_without_gaps_or_repetitions(tmp_path: Path) -> None:
    """Thousands of items leave in bounded pieces, each of them once."""
    path = tmp_path / "telemetry.db"
    store = open_store(path)
    for index in range(4):
        store.write([spans(*(SpanOf(trace=1 + n % 3) for n in range(300)), resource=RESOURCE | {"worker": index})])
    store.close()
    reader = open_reader(path)
    pieces = list(reader.export())
    reader.close()
    ids = Counter(
        span["spanId"]
        for piece in pieces
        for resource in piece["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    )

    assert len(pieces) == 3
    assert len(ids) == 1_200
    assert set(ids.values()) == {1}


def test_an_export_is_json_that_the_protocol_asks_for(tmp_path: Path) -> None:
    """Ids are hexadecimal, 64-bit integers text and enums numbers, as a Collector expects them."""
    path = tmp_path / "telemetry.db"
    store = open_store(path)
    span = stage("parse", attributes={"n": 5})
    store.write([spans(span)])
    store.close()
    reader = open_reader(path)
    (piece,) = reader.export()
    reader.close()
    (out,) = piece["resourceSpans"][0]["scopeSpans"][0]["spans"]

    assert out["traceId"] == span.trace_id.hex()
    assert out["spanId"] == f"{span.number:016x}"
    assert out["kind"] == 1
    assert out["startTimeUnixNano"] == "1700000000000000000"
    assert {"key": "n", "value": {"intValue": "5"}} in out["attributes"]
    assert set(REQUESTS) == set(SIGNALS.values())
