"""``/metrics`` on the loopback, for a Prometheus on the same machine."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

from otelkit._guard import in_forked_child
from otelkit._threads import start
from otelkit.metrics.exposition import CLASSIC, OPENMETRICS
from otelkit.metrics.scrape_reader import ScrapeReader

_log = logging.getLogger("otelkit.metrics")

PATH: Final = "/metrics"
_HOST: Final = "127.0.0.1"
_OUR_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SLOWEST_CLIENT_S: Final = 5.0
_WAITING: Final = 8
"""Connections that may wait while one is answered."""


class ScrapeServer:
    """Answers ``GET /metrics`` on the loopback, one request after the other, on a thread of its own.

    A port that can't be had is one line of log, and nothing else: telemetry goes on by its other ways. A forked child leaves
    the port to its parent: what it records is not here, but goes where its metrics are exported to.

    Args:
        reader: Gives the text.
        port: 1 to 65535; 0: any that is free.
    """

    def __init__(self, reader: ScrapeReader, port: int) -> None:
        self._server: _Server | None = None
        self.port: int | None = None
        """Where it listens; None: nowhere."""
        try:
            server = _Server(reader, port)
        except (OSError, OverflowError) as error:
            _log.error(
                "metrics are not served on http://%s:%d%s: %s. Choose another port with"
                " OTEL_PYTHON_OTELKIT_METRICS_PORT; everything else works.",
                _HOST, port, PATH, getattr(error, "strerror", None) or error,
            )  # fmt: skip
            return
        self._server = server
        self.port = server.server_address[1]
        start(threading.Thread(target=server.serve, name="otelkit-metrics", daemon=True))
        in_forked_child(self._leave_to_parent)

    def close(self) -> None:
        """Stop listening; a request that is being answered is not waited for. Repeated calls do nothing."""
        server, self._server, self.port = self._server, None, None
        if server is not None:
            server.stop()

    def _leave_to_parent(self) -> None:
        server, self._server, self.port = self._server, None, None
        if server is not None:
            server.socket.close()


class _Server(HTTPServer):
    request_queue_size = _WAITING
    # A restarted program gets its port back while old connections linger; two programs at once don't.
    allow_reuse_address = True

    def __init__(self, reader: ScrapeReader, port: int) -> None:
        self.reader = reader
        self._stopped = False
        super().__init__((_HOST, port), _Handler)

    def serve(self) -> None:
        """Answer until `stop`."""
        while not self._stopped:
            with suppress(OSError, ValueError):
                # Without a time-out: waits in `accept`, not by looking again and again.
                self._handle_one()

    def _handle_one(self) -> None:
        request, address = self.get_request()
        if self._stopped:
            request.close()
            return
        try:
            self.process_request(request, address)
        except Exception as error:  # noqa: BLE001 - a client may do anything to its connection
            _log.debug("a scrape was not answered: %s", error)
            self.shutdown_request(request)

    def stop(self) -> None:
        """End `serve`."""
        self._stopped = True
        # Wakes `accept`; closing alone does not on Linux.
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def server_bind(self) -> None:
        """Bind, without asking the name service who we are."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]  # typed for any family


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SLOWEST_CLIENT_S
    server_version = "otelkit"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a scrape."""
        # A page in the user's browser must not read what the machine measures, by a name of its own for this address.
        if (self.headers.get("Host") or _HOST).rpartition(":")[0] not in _OUR_NAMES and (
            self.headers.get("Host") or _HOST
        ) not in _OUR_NAMES:
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", b"ask for it by a name of the loopback\n")
        elif self.path.partition("?")[0] != PATH:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", f"there is only {PATH} here\n".encode())
        else:
            self._scrape()

    def _scrape(self) -> None:
        openmetrics = "application/openmetrics-text" in (self.headers.get("Accept") or "")
        try:
            text = self.server.reader.scrape(openmetrics=openmetrics)
        except Exception as error:  # noqa: BLE001 - the SDK raises bare `Exception` when it can't collect
            _log.debug("metrics could not be collected for a scrape: %s", error)
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"metrics could not be collected\n")
            return
        self._answer(HTTPStatus.OK, OPENMETRICS if openmetrics else CLASSIC, text.encode(errors="replace"))

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name; Any: as the base has it
        """Say nothing: stderr is the program's."""
