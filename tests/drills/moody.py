"""An OTLP server of changing moods: it takes a request, puts it off, refuses it, hangs up, or says nothing for a while."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MOODS: Final = ("take", "take", "take", "429", "503", "503 soon", "hang up", "reset", "say nothing", "400")
_ABORT: Final = struct.pack("ii", 1, 0)


class Moody:
    """What a server of changing moods has done so far.

    Args:
        chance: Chooses the mood of each request.
        moods: Of which it chooses.
    """

    def __init__(self, chance: random.Random, moods: tuple[str, ...]) -> None:
        self.port = 0
        self.taken: list[Any] = []
        """Spans whose request was answered with 200; of nothing else was any kept."""
        self.refused = 0
        """Spans whose request was answered with 400."""
        self._chance = chance
        self._moods = moods
        self._lock = threading.Lock()

    def answer(self, path: str, body: bytes) -> str:
        """Take a request or not, and return the mood in which it is to be answered."""
        if path != "/v1/traces":
            return "take"
        with self._lock:
            mood = self._chance.choice(self._moods)
            message = ExportTraceServiceRequest.FromString(body)
            spans = [span for group in message.resource_spans for scope in group.scope_spans for span in scope.spans]
            if mood == "take":
                self.taken += spans
            elif mood == "400":
                self.refused += len(spans)
            return mood


@contextmanager
def moody_server(chance: random.Random, moods: tuple[str, ...] = MOODS) -> Iterator[Moody]:
    """Run such a server on a free port of the loopback; metrics and logs it always takes."""
    found = Moody(chance, moods)
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            mood = found.answer(self.path, body)
            if mood == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            if mood == "say nothing":
                over.wait(1.5)
            if mood in ("hang up", "reset", "say nothing"):
                self.close_connection = True
                return
            status = 200 if mood == "take" else int(mood[:3])
            soon = b"Retry-After: 0\r\n" if mood.endswith("soon") else b""
            self.wfile.write(b"HTTP/1.1 %d Mood\r\n%sContent-Length: 0\r\n\r\n" % (status, soon))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has in the standard library
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
