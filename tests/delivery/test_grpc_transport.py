"""OTLP over gRPC, against a real server."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

from otelkit.delivery.otlp_settings import read_otlp_settings
from otelkit.delivery.transport import Answer, Contact, Later, Never, Taken
from otelkit.model.signals import Signal
from tests.delivery import network

grpc = pytest.importorskip("grpc", reason="the extra grpc is not installed")

from otelkit.delivery.grpc_transport import GrpcTransport  # noqa: E402 - after the extra was looked for

pytestmark = pytest.mark.sdk

Behave = Callable[[bytes, Any], bytes]


@contextmanager
def server(behave: Behave) -> Iterator[tuple[str, list[tuple[str, bytes, dict[str, str]]]]]:
    """Run a server that answers every method with ``behave``; yield its URL and what it got."""
    got: list[tuple[str, bytes, dict[str, str]]] = []

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no types
        def service(self, details: Any) -> Any:
            def handle(body: bytes, context: Any) -> bytes:
                got.append((details.method, body, dict(details.invocation_metadata)))
                return behave(body, context)

            return grpc.unary_unary_rpc_method_handler(handle)

    running = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Handler()])
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    try:
        yield f"http://127.0.0.1:{port}", got
    finally:
        running.stop(None).wait(10)


def ask(url: str, signal: Signal = "traces", body: bytes = b"body", timeout_s: float = 10.0, **env: str) -> Answer:
    made = GrpcTransport(signal, read_otlp_settings(signal, "grpc", {"OTEL_EXPORTER_OTLP_ENDPOINT": url} | env))
    try:
        return made.send(body, timeout_s)
    finally:
        made.close()


def refusing(code: Any, details: str = "no", metadata: tuple[tuple[str, bytes], ...] = ()) -> Behave:
    def behave(body: bytes, context: Any) -> bytes:
        context.set_trailing_metadata(metadata)
        context.abort(code, details)
        raise AssertionError("abort raises")

    return behave


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_each_signal_has_its_method_and_the_body_is_what_was_put(compression: str) -> None:
    """With the headers of the settings, whatever the compression."""
    signals: tuple[Signal, ...] = ("traces", "metrics", "logs")
    with server(lambda body, context: b"") as (url, got):
        answers = [
            ask(
                url,
                signal,
                b"x" * 5000,
                OTEL_EXPORTER_OTLP_COMPRESSION=compression,
                OTEL_EXPORTER_OTLP_HEADERS="X-Key=a b",
            )
            for signal in signals
        ]

    assert answers == [Taken()] * 3
    assert [method.rpartition(".")[2] for method, _, _ in got] == [
        "TraceService/Export",
        "MetricsService/Export",
        "LogsService/Export",
    ]
    assert {body for _, body, _ in got} == {b"x" * 5000}
    assert {metadata["x-key"] for _, _, metadata in got} == {"a b"}
    assert all(metadata["user-agent"].startswith("otelkit/") for _, _, metadata in got)


def test_partial_success_is_told() -> None:
    """How many points were left out for good, and why."""
    partial = ExportMetricsPartialSuccess(rejected_data_points=3, error_message="too old")
    said = ExportMetricsServiceResponse(partial_success=partial).SerializeToString()
    with server(lambda body, context: said) as (url, _):
        assert ask(url, "metrics") == Taken(3, "too old")


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        ("INVALID_ARGUMENT", "no span id", Never("gRPC INVALID_ARGUMENT no span id")),
        (
            "RESOURCE_EXHAUSTED",
            "grpc: received message larger than max",
            Never("gRPC RESOURCE_EXHAUSTED grpc: received message larger than max"),
        ),
        ("RESOURCE_EXHAUSTED", "quota", Later("gRPC RESOURCE_EXHAUSTED quota", None, Contact.BUSY)),
        ("UNAVAILABLE", "try again", Later("gRPC UNAVAILABLE try again", None, Contact.BUSY)),
        ("ABORTED", "", Later("gRPC ABORTED", None, Contact.BUSY)),
        ("UNAUTHENTICATED", "who", Later("gRPC UNAUTHENTICATED who", None, Contact.ANSWERED)),
        ("UNIMPLEMENTED", "what", Later("gRPC UNIMPLEMENTED what", None, Contact.ANSWERED)),
        ("INTERNAL", "bug", Later("gRPC INTERNAL bug", None, Contact.ANSWERED)),
    ],
)
def test_a_refusal_is_final_only_if_it_is_about_the_request(code: str, details: str, expected: Answer) -> None:
    """Everything else may be mended, and is kept."""
    with server(refusing(grpc.StatusCode[code], details)) as (url, _):
        assert ask(url) == expected


def test_a_message_larger_than_the_server_takes_is_refused_for_good() -> None:
    """As grpc's own servers say it: here the limit of four MiB that all have by default."""
    with server(lambda body, context: b"") as (url, _):
        answer = ask(url, body=bytes(5 * 1024 * 1024))

    assert isinstance(answer, Never)


@pytest.mark.parametrize("place", ["grpc-status-details-bin", "google.rpc.retryinfo-bin"])
def test_a_busy_server_says_when_to_come_again(place: str) -> None:
    """By a RetryInfo, in either of the two places where servers put it."""
    info = RetryInfo()
    info.retry_delay.seconds, info.retry_delay.nanos = 7, 500_000_000
    packed = Packed()
    packed.Pack(info)
    status = Status(code=14, message="busy", details=[packed])
    said = status if place.startswith("grpc") else info
    with server(refusing(grpc.StatusCode.UNAVAILABLE, "busy", ((place, said.SerializeToString()),))) as (url, _):
        assert ask(url) == Later("gRPC UNAVAILABLE busy", 7.5, Contact.BUSY)


def test_nobody_there_is_told_from_everything_else() -> None:
    """It is not worth waiting for, on this machine."""
    answer = ask(network.refused())

    assert isinstance(answer, Later)
    assert answer.contact is Contact.REFUSED


def test_a_server_that_does_not_answer_is_given_up() -> None:
    """After the time of the settings, or of whoever asks if that is less."""
    with network.server(network.silent) as url:
        by_caller = ask(url, timeout_s=0.2)
        by_settings = ask(url, timeout_s=60.0, OTEL_EXPORTER_OTLP_TIMEOUT="0.2")

    assert isinstance(by_caller, Later)
    assert isinstance(by_settings, Later)
    assert (by_caller.contact, by_settings.contact) == (Contact.SILENT, Contact.SILENT)


def speaking_http_1(connection: socket.socket) -> None:
    """Answer as a server does that knows no HTTP/2."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    connection.close()


@pytest.mark.parametrize("behave", [network.dying, speaking_http_1])
def test_whatever_speaks_no_grpc_is_no_receiver(behave: Any) -> None:
    """The telemetry is kept."""
    with network.server(behave) as url:
        answer = ask(url)

    assert isinstance(answer, Later)
    assert answer.contact in (Contact.BROKEN, Contact.BUSY)


def test_a_certificate_that_is_missing_is_an_error_at_the_making(tmp_path: Path) -> None:
    """Which a delivery takes for a way that is broken."""
    env = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "none.pem")}

    with pytest.raises(OSError, match=r"none\.pem"):
        ask("https://127.0.0.1:1", **env)


def test_an_endpoint_without_a_scheme_is_taken_as_it_is() -> None:
    """Host and port, as many write it for gRPC."""
    with server(lambda body, context: b"") as (url, _):
        answer = ask(url.removeprefix("http://"), OTEL_EXPORTER_OTLP_INSECURE="true")

    assert answer == Taken()
