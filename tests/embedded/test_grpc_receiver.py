"""OTLP over gRPC, with grpcio's own client."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otelkit.embedded.service import Service
from otelkit.errors import StoreError
from tests.embedded.fake_store import FakeStore
from tests.embedded.receiving import fake_service, real_service
from tests.embedded.test_service import stored_spans
from tests.waiting import wait_until

LIMIT = 100_000
PATHS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def service(tmp_path: Path, store: FakeStore) -> Iterator[Service]:
    with fake_service(
        tmp_path, store, with_grpc=True, receiver_max_body_bytes=LIMIT, receiver_queue_bytes=2048
    ) as started:
        yield started


def send(service: Service, body: bytes, path: str = PATHS["traces"], **options: Any) -> bytes:
    """Send one request; raises what gRPC raises."""
    with grpc.insecure_channel(f"127.0.0.1:{service.grpc_port}") as channel:
        answer: bytes = channel.unary_unary(path)(body, timeout=20, **options)
        return answer


def failure(service: Service, body: bytes, **options: Any) -> Any:
    with pytest.raises(grpc.RpcError) as error:
        send(service, body, **options)
    return error.value


@pytest.mark.requirement("EXP-03")
@pytest.mark.parametrize("signal", list(PATHS))
def test_each_signal_is_taken(service: Service, store: FakeStore, signal: str) -> None:
    """With the empty answer, after the commit."""
    assert send(service, b"body", PATHS[signal]) == b""
    assert (store.stored, service.counts()["taken"]) == ([b"body"], {signal: 1})


def test_compressed_requests_are_taken(service: Service, store: FakeStore) -> None:
    """gRPC's own gzip."""
    send(service, b"x" * 50_000, compression=grpc.Compression.Gzip)

    assert store.stored == [b"x" * 50_000]


def test_partial_success_names_what_was_left_out(service: Service) -> None:
    """As over HTTP."""
    partial = ExportTraceServiceResponse.FromString(send(service, b"some")).partial_success

    assert (partial.rejected_spans, partial.error_message) == (1, "trace id of 3 bytes")


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_oversized_requests_are_refused(service: Service, store: FakeStore, compression: Any) -> None:
    """Also those that are small only while they are compressed."""
    error = failure(service, b"\0" * (LIMIT + 1), compression=compression)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert store.stored == []


def test_malformed_requests_are_refused(service: Service, store: FakeStore) -> None:
    """For good: no sender tries again."""
    error = failure(service, b"bad")

    assert (error.code(), store.stored) == (grpc.StatusCode.INVALID_ARGUMENT, [])
    assert "at byte 3" in error.details()
    assert service.counts()["refused"] == {"malformed": 1}


def test_unknown_methods_are_unimplemented(service: Service) -> None:
    """As gRPC has it."""
    assert failure(service, b"x", path="/nobody/Knows").code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_full_queue_says_when_to_come_again(service: Service, store: FakeStore) -> None:
    """In the place that the specification names, and in the one where Python's exporter looks."""
    store.gate.clear()
    sender = threading.Thread(target=send, args=(service, b"x" * 1500))
    sender.start()
    assert store.writing.wait(20)
    error = failure(service, b"y" * 1500)
    store.gate.set()
    sender.join(20)
    metadata = dict(error.trailing_metadata())
    (detail,) = Status.FromString(metadata["grpc-status-details-bin"]).details
    info = RetryInfo()

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert detail.Unpack(info)
    assert info.retry_delay.seconds >= 1
    assert RetryInfo.FromString(metadata["google.rpc.retryinfo-bin"]) == info
    assert service.counts()["refused"] == {"busy": 1}


def test_a_store_that_fails_is_unavailable(service: Service, store: FakeStore) -> None:
    """So that the sender tries again."""
    store.error = StoreError("no space left", path=Path("telemetry.db"))
    error = failure(service, b"x")

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "no space left" in error.details()


@pytest.mark.parametrize(("shown", "allowed"), [("Bearer s3cret", True), ("Bearer wrong", False), (None, False)])
@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_a_token_is_asked_for(tmp_path: Path, host: str, shown: str | None, allowed: bool) -> None:
    """As metadata, on the loopback too."""
    store = FakeStore()
    metadata = [("authorization", shown)] if shown else []
    with fake_service(tmp_path, store, with_grpc=True, receiver_host=host, receiver_token="s3cret") as service:
        if allowed:
            send(service, b"x", metadata=metadata)
        else:
            error = failure(service, b"x", metadata=metadata)
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert len(store.stored) == allowed


def test_the_stock_exporter_is_understood(tmp_path: Path) -> None:
    """Python's own, from span to store."""
    with real_service(tmp_path, with_grpc=True) as service:
        provider = TracerProvider()
        exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{service.grpc_port}", insecure=True)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        provider.get_tracer("t").start_span("one").end()
        wait_until(lambda: stored_spans(tmp_path) == 1)
        provider.shutdown()
