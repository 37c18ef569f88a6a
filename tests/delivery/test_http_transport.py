"""OTLP over HTTP, against real sockets."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import socket
import ssl
import struct
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from otelkit.delivery.http_answer import retry_after_s
from otelkit.delivery.http_transport import HttpTransport
from otelkit.delivery.otlp_settings import read_otlp_settings
from otelkit.delivery.session_transport import SessionTransport
from otelkit.delivery.transport import Contact, Later, Never, Taken, Transport
from otelkit.embedded.answers import Code, status
from tests.delivery import network
from tests.delivery.carrier import Way
from tests.otlp_server import otlp_server

pytestmark = pytest.mark.sdk

Open = Callable[..., contextlib.AbstractContextManager[Transport]]
Ask = Callable[..., Any]


KINDS: dict[str, type[HttpTransport] | type[SessionTransport]] = {
    "http.client": HttpTransport,
    "requests": SessionTransport,
}


@pytest.fixture(params=KINDS)
def transport(request: pytest.FixtureRequest) -> Open:
    """Both ways over HTTP do the same."""
    return lambda url, **env: open_transport(KINDS[request.param], url, **env)


@contextlib.contextmanager
def open_transport(kind: Callable[[Any], Transport], url: str, **env: str) -> Iterator[Transport]:
    made = kind(read_otlp_settings("traces", "http/protobuf", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url} | env))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def ask(transport: Open) -> Callable[..., Any]:
    def do(behave: Callable[[socket.socket], None], body: bytes = b"body", **env: str) -> Any:
        with network.server(behave) as url, transport(url, **env) as made:
            return made.send(body, 10.0)

    return do


def saying(status_code: int, body: bytes = b"", kind: str = "application/x-protobuf", headers: str = "") -> Any:
    """Answer every request with this."""
    answer = f"HTTP/1.1 {status_code} Word\r\nContent-Type: {kind}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"

    def behave(connection: socket.socket) -> None:
        while network.read_request(connection):
            connection.sendall(answer.encode() + body)

    return behave


# -- what is sent ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["none", "gzip", "deflate"])
def test_a_receiver_of_the_standard_library_reads_what_was_sent(ask: Ask, compression: str) -> None:
    """Body, path, headers and encoding are what OTLP wants."""
    body = ExportTraceServiceRequest(resource_spans=[{"schema_url": "a" * 5000}]).SerializeToString()
    seen: list[tuple[bytes, bytes]] = []

    def behave(connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(rest) < length:
            rest += connection.recv(65536)
        seen.append((head, rest))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    answer = ask(
        behave,
        body,
        OTEL_EXPORTER_OTLP_COMPRESSION=compression,
        OTEL_EXPORTER_OTLP_HEADERS="x-key=a%20b,authorization=Bearer q=",
    )
    head, sent = seen[0]
    unpack = {"none": bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}[compression]

    assert answer == Taken()
    assert unpack(sent) == body
    assert head.startswith(b"POST / HTTP/1.1")
    assert b"content-type: application/x-protobuf" in head
    assert b"x-key: a b" in head
    assert b"authorization: Bearer q=" in head
    assert b"user-agent: otelkit/" in head
    assert (f"content-encoding: {compression}".encode() in head) is (compression != "none")


def test_one_connection_serves_many_requests(transport: Open) -> None:
    """A new connection for each would cost both sides."""
    connections: list[int] = []

    def behave(connection: socket.socket) -> None:
        connections.append(1)
        saying(200, ExportTraceServiceResponse().SerializeToString())(connection)

    with network.server(behave) as url, transport(url) as made:
        answers = [made.send(b"x", 10.0) for _ in range(5)]

    assert answers == [Taken()] * 5
    assert len(connections) == 1


def test_a_connection_that_was_closed_while_it_was_idle_is_made_anew(transport: Open) -> None:
    """Receivers close idle connections after some seconds, possibly just when we use them again."""
    served: list[int] = []

    def behave(connection: socket.socket) -> None:
        if network.read_request(connection):
            served.append(1)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            if len(served) == 1:
                # Takes the next request off the wire, and hangs up instead of answering.
                connection.recv(10)
                connection.close()
            else:
                behave(connection)

    with network.server(behave) as url, transport(url) as made:
        answers = [made.send(b"x", 10.0) for _ in range(3)]

    assert answers == [Taken()] * 3


# -- what is answered --------------------------------------------------------------------------------------------------


def test_partial_success_is_told(ask: Ask) -> None:
    """How many were left out for good, and why."""
    partial = ExportTracePartialSuccess(rejected_spans=3, error_message="too old")
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()

    assert ask(saying(200, body)) == Taken(3, "too old")
    assert ask(saying(202, body, kind="text/plain")) == Taken()
    assert ask(saying(200, b"OK")) == Taken()


def test_what_is_wrong_with_a_request_is_final(ask: Ask) -> None:
    """A receiver of OTLP that calls a request bad, or too large, will say so again."""
    assert ask(saying(400, status(Code.INVALID_ARGUMENT, "no span id"))) == Never("HTTP 400 no span id")
    assert ask(saying(400, b"{}", kind="application/json; charset=utf-8")) == Never("HTTP 400 Word")
    assert ask(saying(413, b"", kind="text/plain")) == Never("HTTP 413 Word")


@pytest.mark.parametrize("code", [301, 400, 401, 403, 404, 500, 501])
def test_what_is_wrong_elsewhere_may_be_mended(ask: Ask, code: int) -> None:
    """A TLS port that is spoken to in plain text says 400 too; a wrong token or path costs no telemetry."""
    assert ask(saying(code, b"<html>", kind="text/html")) == Later(f"HTTP {code} Word", None, Contact.ANSWERED)


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_a_busy_receiver_says_when_to_come_again(ask: Ask, code: int) -> None:
    """In seconds or as a date; or it does not say."""
    date = formatdate(time.time() + 100, usegmt=True)

    assert ask(saying(code, headers="Retry-After: 7\r\n")) == Later(f"HTTP {code} Word", 7.0, Contact.BUSY)
    assert ask(saying(code)) == Later(f"HTTP {code} Word", None, Contact.BUSY)
    asked = ask(saying(code, headers=f"Retry-After: {date}\r\n")).after_s
    assert 60 < asked <= 100


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("99999999999999", 3600.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("²", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 -0000", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_http_has_it(value: str | None, expected: float | None) -> None:
    """Nonsense is as good as nothing, and nobody can make us wait for years."""
    assert retry_after_s(value) == expected


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_nobody_there_is_told_from_everything_else(transport: Open) -> None:
    """It is not worth waiting for, on this machine."""
    with transport(network.refused()) as made:
        answer = made.send(b"x", 10.0)

    assert isinstance(answer, Later)
    assert answer.contact is Contact.REFUSED


@pytest.mark.parametrize("behave", [network.silent], ids=["silent"])
def test_a_receiver_that_does_not_answer_is_given_up(transport: Open, behave: Callable[[socket.socket], None]) -> None:
    """After the time of the settings, or of whoever asks if that is less."""
    with network.server(behave) as url, transport(url, OTEL_EXPORTER_OTLP_TIMEOUT="0.1") as made:
        by_settings = made.send(b"x", 60.0)
    with network.server(behave) as url, transport(url) as made:
        by_caller = made.send(b"x", 0.1)

    assert isinstance(by_settings, Later)
    assert isinstance(by_caller, Later)
    assert (by_settings.contact, by_caller.contact) == (Contact.SILENT, Contact.SILENT)


def reset(connection: socket.socket) -> None:
    """Reset the connection in the middle of the request."""
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def babbling(connection: socket.socket) -> None:
    """Answer what is no HTTP."""
    network.read_request(connection)
    connection.sendall(b"hello\r\n\r\n")
    connection.close()


@pytest.mark.parametrize("behave", [network.dying, reset, babbling])
def test_a_connection_that_ends_in_the_middle_is_a_broken_way(
    ask: Ask, behave: Callable[[socket.socket], None]
) -> None:
    """Also of a large request, whose receiver does not read to its end."""
    for body in (b"x", bytes(5_000_000)):
        answer = ask(behave, body)

        assert isinstance(answer, Later)
        assert answer.contact is Contact.BROKEN


def test_an_answer_that_is_cut_short_counts_by_its_status(ask: Ask) -> None:
    """The receiver has said that it took the request; sending it again would double it."""

    def behave(connection: socket.socket) -> None:
        network.read_request(connection)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head + b"\x0a")
        connection.close()

    assert ask(behave) == Taken()


def test_a_name_that_no_server_knows_is_a_broken_way(transport: Open) -> None:
    """And the answer says it without the secrets of the URL."""
    with transport("http://user:secret@nosuchhost.invalid:1/path?token=secret") as made:
        answer = made.send(b"x", 5.0)

    assert isinstance(answer, Later)
    assert answer.contact in (Contact.BROKEN, Contact.SILENT)
    assert "secret" not in answer.why


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_certificate_that_is_missing_is_told_and_costs_nothing(
    kind: Callable[[Any], Transport], tmp_path: Path
) -> None:
    """The telemetry is kept, since it can be sent when the file is there."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c", "OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "none.pem")}
    settings = read_otlp_settings("traces", "http/protobuf", env)
    way = Way(tmp_path / "spool", lambda: kind(settings))
    way.put(b"x")
    way.outgoing.flush(20)
    way.outgoing.close(5)

    assert way.counts() == {"spooled": 1}
    assert "none.pem" in way.stderr.getvalue()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, and another one, each with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    for name in ("server", "client"):
        subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        subprocess.run(["openssl", "req", "-x509", *kind, *subject, *files], check=True, capture_output=True)
    return folder


def test_tls_trusts_what_it_is_told_to_and_shows_its_own_certificate(transport: Open, certificates: Path) -> None:
    """Without either of the two the telemetry is not sent, and kept."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.load_verify_locations(certificates / "client.pem")
    context.verify_mode = ssl.CERT_REQUIRED

    def behave(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as encrypted:
            saying(200)(encrypted)

    certificate = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificates / "server.pem")}
    own = {
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(certificates / "client.pem"),
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(certificates / "client.key"),
    }
    answers = []
    with network.server(behave) as url:
        for env in (certificate | own, own, certificate):
            with transport(url.replace("http", "https"), **env) as made:
                answers.append(made.send(b"x", 10.0))

    assert answers[0] == Taken()
    assert [isinstance(answer, Later) and answer.contact for answer in answers[1:]] == [Contact.BROKEN] * 2


def test_user_and_password_of_the_url_are_shown_to_the_receiver(transport: Open) -> None:
    """As Basic authorization, and never in a message."""
    with otlp_server() as server, transport(server.url.replace("//", "//me:s%20t@") + "/v1/traces") as made:
        answer = made.send(b"", 10.0)

        assert answer == Taken()
        assert server.headers[0]["authorization"] == "Basic bWU6cyB0"
