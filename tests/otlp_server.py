"""An OTLP/HTTP server that is not ours: the standard library's HTTP server and OpenTelemetry's own protobuf classes."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_MESSAGES: dict[str, tuple[Any, Any]] = {
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse),
    "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse),
    "/v1/logs": (ExportLogsServiceRequest, ExportLogsServiceResponse),
}


def plain(value: AnyValue) -> Any:
    """Return an attribute value as a Python value."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return mapping(value.kvlist_value.values)
    return getattr(value, kind) if kind else None


def mapping(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Return attributes as a dict."""
    return {pair.key: plain(pair.value) for pair in pairs}


@dataclass
class Span:
    """One span, as received."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: str
    status: int
    raw: Any


@dataclass
class Log:
    """One log record, as received."""

    body: Any
    severity: str
    trace_id: str
    span_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass
class Point:
    """One metric point, as received."""

    metric: str
    unit: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    raw: Any


@dataclass
class OtlpServer:
    """What has arrived so far. Read it through `spans`, `logs` and `points`."""

    port: int
    requests: list[tuple[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Span]:
        return [
            Span(
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                mapping(span.attributes),
                mapping(group.resource.attributes),
                scope.scope.name,
                span.status.code,
                span,
            )
            for path, request in list(self.requests)
            if path == "/v1/traces"
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]

    @property
    def logs(self) -> list[Log]:
        return [
            Log(
                plain(log.body),
                log.severity_text,
                log.trace_id.hex(),
                log.span_id.hex(),
                mapping(log.attributes),
                mapping(group.resource.attributes),
            )
            for path, request in list(self.requests)
            if path == "/v1/logs"
            for group in request.resource_logs
            for scope in group.scope_logs
            for log in scope.log_records
        ]

    @property
    def points(self) -> list[Point]:
        return [
            Point(metric.name, metric.unit, mapping(point.attributes), mapping(group.resource.attributes), point)
            for path, request in list(self.requests)
            if path == "/v1/metrics"
            for group in request.resource_metrics
            for scope in group.scope_metrics
            for metric in scope.metrics
            for point in getattr(metric, metric.WhichOneof("data")).data_points
        ]

    def wait_for(self, condition: Callable[[OtlpServer], bool], timeout_s: float = 20.0) -> None:
        """Return when ``condition`` holds; fail the test if it does not in time."""
        deadline = time.monotonic() + timeout_s
        while not condition(self):
            assert time.monotonic() < deadline, f"not reached in {timeout_s} s; {len(self.requests)} requests arrived"
            threading.Event().wait(0.02)


@contextmanager
def otlp_server(status: int = 200) -> Iterator[OtlpServer]:
    """Run a server on a free port of the loopback. ``status`` other than 200 refuses every request with it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request_type, response_type = _MESSAGES[self.path]
            if status == 200:
                server.headers.append({key.lower(): value for key, value in self.headers.items()})
                server.requests.append((self.path, request_type.FromString(body)))
            answer = response_type().SerializeToString()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass  # quiet

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    http = Server(("127.0.0.1", 0), Handler)
    server = OtlpServer(http.server_address[1])
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
