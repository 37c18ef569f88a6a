"""An OTLP server that takes everything and looks at it only when asked: ``python -m benchmarks.sink``.

It prints its port. What it was sent is counted, with OpenTelemetry's own protobuf classes, on ``GET /counts``, which also
forgets it: the counting stays out of what is measured. ``GET /histograms`` tells how many values each histogram had when it
was counted last.
"""

from __future__ import annotations

import atexit
import gzip
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Sink(ThreadingHTTPServer):
    """Keeps request bodies as they come."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[str, bytes]] = []
        self.histograms: dict[str, int] = {}
        """Values so far, by the metric's name: cumulative, as OTLP exporters send them if not told otherwise."""

    def counts(self) -> dict[str, int]:
        """Return how many spans, log records and metric requests have come since the last time, and how many bytes."""
        received, self.received = self.received, []
        for path, body in received:
            if path == "/v1/metrics":
                self.histograms.update(_histograms(body))
        return {
            "spans": sum(_spans(body) for path, body in received if path == "/v1/traces"),
            "records": sum(_records(body) for path, body in received if path == "/v1/logs"),
            "requests": len(received),
            "metric_requests": sum(path == "/v1/metrics" for path, _ in received),
            "bytes": sum(len(body) for _, body in received),
        }


class Handler(BaseHTTPRequestHandler):
    """Answers 200 with an empty message, which in OTLP means that all of it was accepted."""

    protocol_version = "HTTP/1.1"
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received.append((self.path, body))
        self._answer(b"", "application/x-protobuf")

    def do_GET(self) -> None:
        counts = self.server.counts()
        found = self.server.histograms if self.path == "/histograms" else counts
        self._answer(json.dumps(found).encode(), "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has in the standard library
        """Say nothing."""


def _spans(body: bytes) -> int:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest.FromString(body)
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def _records(body: bytes) -> int:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    request = ExportLogsServiceRequest.FromString(body)
    return sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)


def _histograms(body: bytes) -> dict[str, int]:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    request = ExportMetricsServiceRequest.FromString(body)
    return {
        metric.name: sum(point.count for point in metric.histogram.data_points)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.WhichOneof("data") == "histogram"
    }


@contextmanager
def running() -> Iterator[str]:
    """Run a sink in a process of its own; its URL."""
    with subprocess.Popen([sys.executable, "-m", "benchmarks.sink"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def running_to_the_end() -> tuple[str, Path]:
    """Run a sink until this process has ended; its URL, and a folder that lasts as long.

    For what is installed once in a process and sends a last time at its exit. Call it before that is installed.
    """
    whole = ExitStack()
    # The last to be registered is called first: whatever is installed from now on ends before the sink does.
    atexit.register(whole.close)
    return whole.enter_context(running()), Path(
        whole.enter_context(tempfile.TemporaryDirectory(prefix="otelkit-bench-"))
    )


def take_counts(url: str) -> dict[str, int]:
    """Return what a running sink has counted since the last time."""
    return _ask(f"{url}/counts")


def histogram_count(url: str, name: str) -> int:
    """Return how many values a histogram had when it was last sent to a running sink; 0 if it never was."""
    return _ask(f"{url}/histograms").get(name, 0)


def _ask(url: str) -> dict[str, int]:
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: dict[str, int] = json.load(answer)
    return found


if __name__ == "__main__":
    sink = Sink()
    print(sink.server_port, flush=True)
    sink.serve_forever()
