"""OTLP over HTTP, protobuf, straight to the receiver."""

from __future__ import annotations

import base64
import encodings.idna  # noqa: F401 - looking up a name imports it, which is slow on a thread that others keep from running
import http.client
import os
import socket
import ssl
import struct
import time
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from otelkit.delivery.compression import compressed
from otelkit.delivery.failure import attempted
from otelkit.delivery.http_answer import ANSWER_LIMIT, read_answer, request_headers
from otelkit.delivery.otlp_settings import OtlpSettings
from otelkit.delivery.transport import Answer

_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where certificates are named for all that is sent with `requests`, as the stock exporter does."""
_AS_WRITTEN: Final = "/?:@!$&'()*+,;=%~"
"""Characters of a URL's path and query that are sent as they are; `%` too, since what is quoted already stays so."""


class HttpTransport:
    """Sends over one connection with the standard library's `http.client`.

    `requests` would take 170 ms to import where this takes 5 (measured on a busy machine), and while other threads keep the
    interpreter busy, an import on the sending thread takes seconds. What only `requests` can do, `SessionTransport` does.

    Raises:
        OSError: A certificate can't be read.
    """

    def __init__(self, settings: OtlpSettings) -> None:
        self._settings = settings
        url = urlsplit(settings.endpoint)
        self._host = url.hostname or ""
        self._port = url.port
        self._head = _head(url, settings)
        self._tls = _tls(settings) if url.scheme == "https" else None
        self._closed = False
        self._connection: http.client.HTTPConnection | None = None

    def send(self, body: bytes, timeout_s: float) -> Answer:
        """Send one request."""
        data = compressed(body, self._settings.compression)
        deadline = time.monotonic() + min(timeout_s, self._settings.timeout_s)
        return attempted(lambda: self._once(data, deadline), again=self._connection is not None)

    def close(self) -> None:
        """Close the connection."""
        self._closed = True
        connection = self._connection
        if connection is not None:
            self._drop(connection)

    def _once(self, data: bytes, deadline: float) -> Answer:
        connection = self._connected(deadline)
        try:
            # In one piece, and past the connection's own way of writing: each call of the system gives the interpreter away,
            # and while eight other threads want it, it takes some 40 ms to get it back.
            connection.sock.sendall(b"%s%d\r\n\r\n%s" % (self._head, len(data), data))
            response = http.client.HTTPResponse(connection.sock, method="POST")
            response.begin()
        except BaseException as error:
            self._drop(connection)
            if isinstance(error, Exception) and time.monotonic() >= deadline:
                # What a limit of the system's own looks like differs.
                raise TimeoutError("it did not answer in time") from error
            raise
        try:
            said = response.read(ANSWER_LIMIT)
        except (OSError, http.client.HTTPException):
            # The status is the answer; what was cut short only explains it.
            said = b""
        if response.will_close or not response.isclosed() or self._closed:
            # There is more of it than we read, and it would stand before the next answer. Or it was closed meanwhile by
            # another thread, for which this connection was not there yet.
            self._drop(connection)
        return read_answer(response.status, response.reason, response.getheader, said)

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        if self._connection is connection:
            self._connection = None
        connection.close()

    def _connected(self, deadline: float) -> http.client.HTTPConnection:
        left_s = max(0.001, deadline - time.monotonic())
        connection = self._connection
        if connection is None:
            if self._tls is None:
                connection = http.client.HTTPConnection(self._host, self._port)
            else:
                connection = http.client.HTTPSConnection(self._host, self._port, context=self._tls)
            connection.timeout = left_s
            connection.connect()
            self._connection = connection
        if self._tls is None:
            _limit_by_the_system(connection.sock, left_s)
        else:
            connection.sock.settimeout(left_s)
        return connection


def _limit_by_the_system(sock: socket.socket, limit_s: float) -> None:
    """Have the system end each call after ``limit_s``: Python's own limit takes two calls for each, one to wait first.

    And a call that sends then takes the whole body at once, where a socket with Python's limit takes it in pieces.
    """
    sock.settimeout(None)
    seconds, rest = divmod(limit_s, 1)
    limit = struct.pack("@ll", int(seconds), int(rest * 1e6))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)


def _head(url: SplitResult, settings: OtlpSettings) -> bytes:
    """Return a request up to the number of bytes in its body."""
    target = quote((url.path or "/") + (f"?{url.query}" if url.query else ""), safe=_AS_WRITTEN)
    host = (url.hostname or "").encode("idna").decode() if ":" not in (url.hostname or "") else f"[{url.hostname}]"
    headers = {
        "host": host if url.port is None else f"{host}:{url.port}",
        "accept-encoding": "identity",
        **_authorization(url),
        **request_headers(settings),
    }
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "content-length: "]
    return "\r\n".join(lines).encode()


def _authorization(url: SplitResult) -> dict[str, str]:
    """Return the header that user and password in a URL stand for."""
    if url.username is None:
        return {}
    both = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return {"authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}


def _tls(settings: OtlpSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    bundle = settings.certificate or next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), None)
    if bundle is None:
        # As requests does it, also where the system has certificates of its own: many images have none.
        import certifi

        bundle = certifi.where()
    if settings.certificate is not None:
        # Only these are to be trusted.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    is_folder = Path(bundle).is_dir()
    try:
        context.load_verify_locations(capath=bundle if is_folder else None, cafile=None if is_folder else bundle)
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, "no such certificate", bundle) from None
    if settings.client_certificate is not None:
        context.load_cert_chain(settings.client_certificate, settings.client_key)
    return context
