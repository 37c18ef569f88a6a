"""Ask a port which protocol it speaks, with an empty request at most."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import unquote

from otelkit.health.destinations import Destination
from otelkit.health.variables import parts_of, value_of

# The client's preface and an empty SETTINGS frame (RFC 9113, section 3.4): what any gRPC client says first.
_HTTP2_HELLO: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_SETTINGS_FRAME: Final = 4


class Speech(Enum):
    """What answered."""

    NOBODY = "nobody"
    """The connection was not made."""
    NO_TLS = "no tls"
    """Connected, but no encrypted connection came about."""
    NOTHING = "nothing"
    """Connected, and no answer that could be understood."""
    HTTP1 = "http/1"
    HTTP2 = "http/2"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe found."""

    speech: Speech
    status: int = 0
    """HTTP/1: the status of the answer."""
    error: str = ""
    """Why there was none, in the system's words."""


def probe(destination: Destination, env: Mapping[str, str], limit_s: float) -> Answer:
    """Connect and say hello in the destination's own protocol; never raises.

    Over HTTP an empty export request is posted, with the headers that the exporter would send; it stores nothing.

    Args:
        destination: Its host is not empty.
        env: For headers and certificates.
        limit_s: Longest time this may take, > 0.
    """
    deadline = time.monotonic() + limit_s
    try:
        connection = socket.create_connection((destination.host, destination.port), timeout=limit_s)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that is none
        return Answer(Speech.NOBODY, error=_said(error))
    try:
        if destination.tls:
            try:
                connection = _encrypt(connection, destination, env)
            except (OSError, ValueError) as error:
                return Answer(Speech.NO_TLS, error=_said(error))
        hello = _HTTP2_HELLO if destination.protocol == "grpc" else _empty_request(destination, env)
        connection.sendall(hello)
        return _understand(_read(connection, deadline))
    except OSError as error:
        return Answer(Speech.NOTHING, error=_said(error))
    finally:
        connection.close()


def _encrypt(connection: socket.socket, destination: Destination, env: Mapping[str, str]) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=_for_signal(destination, "CERTIFICATE", env) or None)
    certificate = _for_signal(destination, "CLIENT_CERTIFICATE", env)
    if certificate:
        context.load_cert_chain(certificate, _for_signal(destination, "CLIENT_KEY", env) or None)
    if destination.protocol == "grpc":
        context.set_alpn_protocols(["h2"])
    return context.wrap_socket(connection, server_hostname=destination.host)


def _empty_request(destination: Destination, env: Mapping[str, str]) -> bytes:
    lines = [
        f"POST {destination.path} HTTP/1.1",
        f"Host: {destination.place}",
        "Content-Type: application/x-protobuf",
        "Content-Length: 0",
        "Connection: close",
    ]
    signal = f"OTEL_EXPORTER_OTLP_{destination.signal.upper()}_HEADERS"
    for pair in parts_of(env, signal) or parts_of(env, "OTEL_EXPORTER_OTLP_HEADERS"):
        key, equals, value = pair.partition("=")
        if equals and "\n" not in unquote(pair) and "\r" not in unquote(pair):
            lines.append(f"{unquote(key).strip()}: {unquote(value).strip()}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def _read(connection: socket.socket, deadline: float) -> bytes:
    """Return the first bytes of the answer, enough to tell what it is; fewer if no more come in time."""
    answer = b""
    while len(answer) < 16:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        connection.settimeout(left)
        try:
            chunk = connection.recv(1024)
        except OSError:  # timed out, or reset by one who did not like the hello
            break
        if not chunk:
            break
        answer += chunk
    return answer


def _understand(answer: bytes) -> Answer:
    if answer.startswith(b"HTTP/1."):
        status = answer[9:12]
        return Answer(Speech.HTTP1, int(status) if status.isdigit() else 0)
    if answer.startswith(b"<"):
        # An old HTTP server that was spoken to in HTTP/2 answers with the bare page.
        return Answer(Speech.HTTP1)
    if len(answer) >= 9 and answer[3] == _SETTINGS_FRAME:
        return Answer(Speech.HTTP2)
    return Answer(Speech.NOTHING, error="no answer" if not answer else "an answer in an unknown protocol")


def _for_signal(destination: Destination, what: str, env: Mapping[str, str]) -> str:
    return value_of(env, f"OTEL_EXPORTER_OTLP_{destination.signal.upper()}_{what}") or value_of(
        env, f"OTEL_EXPORTER_OTLP_{what}"
    )


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
