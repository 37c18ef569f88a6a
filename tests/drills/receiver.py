"""An OTLP server that can be killed at any moment and still tell what it took: ``python -m tests.drills.receiver PORT FILE``.

A request is in the file before it is answered, and its answer is noted there after it has been handed to the system. What was
taken and not answered may rightly be sent a second time; nothing else may.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Taken:
    """One request of spans that a receiver took."""

    spans: tuple[Any, ...]
    answered: bool
    """Whether the whole answer was on its way before the receiver died."""


def taken(path: Path) -> Iterator[Taken]:
    """Read what receivers have taken, over all their lives."""
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    answered = {line["answered"] for line in lines if "answered" in line}
    for line in lines:
        if line.get("path") == "/v1/traces":
            message = ExportTraceServiceRequest.FromString(base64.b64decode(line["body"]))
            spans = tuple(
                span for group in message.resource_spans for scope in group.scope_spans for span in scope.spans
            )
            yield Taken(spans, line["request"] in answered)


@contextmanager
def receiver(path: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a receiver in a process of its own; the process, to be killed, and its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.drills.receiver", str(port), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def main(port: int, path: str) -> None:
    """Serve until killed."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    numbers = itertools.count()
    lock = threading.Lock()

    def note(**what: object) -> None:
        with lock:
            os.write(file, json.dumps(what).encode() + b"\n")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = f"{os.getpid()}-{next(numbers)}"
            note(request=request, path=self.path, body=base64.b64encode(body).decode())
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n")
            note(answered=request)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has in the standard library
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", port), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
