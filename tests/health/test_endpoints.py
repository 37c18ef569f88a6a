"""Whether somebody is there where telemetry is sent, and speaks the protocol."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from otelkit.health.endpoints import find_unreachable
from otelkit.model.checks import Finding, Severity

_SHARED = "OTEL_EXPORTER_OTLP_ENDPOINT"


class _Receiver(BaseHTTPRequestHandler):
    """Takes OTLP under /v1/, asks for a key under /locked/, knows nothing else."""

    seen: list[tuple[str, str | None]]

    def do_POST(self) -> None:
        self.seen.append((self.path, self.headers.get("api-key")))
        if self.path.startswith("/locked/"):
            self.send_response(200 if self.headers.get("api-key") == "open sesame" else 401)
        else:
            self.send_response(200 if self.path.startswith("/v1/") else 404)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def http() -> Iterator[tuple[int, list[tuple[str, str | None]]]]:
    """An OTLP/HTTP receiver: its port, and what it was asked."""
    handler = type("_Fresh", (_Receiver,), {"seen": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port, handler.seen
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def grpc_port() -> Iterator[int]:
    """A gRPC server's port."""
    grpc = pytest.importorskip("grpc")
    pool = ThreadPoolExecutor(1)
    server = grpc.server(pool)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()
        pool.shutdown()


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _find(spools: bool = True, **env: str) -> list[Finding]:
    return list(find_unreachable(env, spools=spools))


def test_a_receiver_that_answers_is_fine(http: tuple[int, list[tuple[str, str | None]]]) -> None:
    """Each signal's own path is tried."""
    port, seen = http

    assert _find(**{_SHARED: f"http://127.0.0.1:{port}"}) == []
    assert [path for path, _ in seen] == ["/v1/traces", "/v1/metrics", "/v1/logs"]


def test_a_grpc_receiver_is_fine_for_grpc(grpc_port: int) -> None:
    """Its settings frame is answer enough."""
    assert _find(**{_SHARED: f"http://127.0.0.1:{grpc_port}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}) == []


def test_a_port_nobody_listens_on_is_one_error(closed_port: int) -> None:
    """One sentence, though three signals go there."""
    (finding,) = _find(**{_SHARED: f"http://127.0.0.1:{closed_port}"})

    assert (finding.id, finding.severity) == ("endpoint.unreachable", Severity.ERROR)
    assert f"127.0.0.1:{closed_port} ({_SHARED})" in finding.what
    assert finding.why == "Telemetry is kept on disk until a receiver is there."


def test_a_host_that_does_not_exist_is_an_error() -> None:
    """The system's own words say why."""
    findings = _find(**{_SHARED: f"http://{'x' * 70}.invalid:4318"})

    assert [finding.id for finding in findings] == ["endpoint.unreachable"]


@pytest.mark.parametrize(("spools", "severity"), [(True, Severity.NOTE), (False, Severity.WARNING)])
def test_nobody_on_the_default_port_is_normal(
    monkeypatch: pytest.MonkeyPatch, closed_port: int, spools: bool, severity: Severity
) -> None:
    """A laptop without a receiver is not broken: telemetry waits on disk, or was never asked for."""
    real = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda place, **more: real((place[0], closed_port), **more))

    (finding,) = _find(spools)

    assert (finding.id, finding.severity) == ("endpoint.unreachable", severity)
    assert "otelkit up" in finding.fix


def test_http_sent_to_a_grpc_port_is_an_error(grpc_port: int) -> None:
    """The classic: 4317 where 4318 was meant."""
    (finding,) = _find(**{_SHARED: f"http://127.0.0.1:{grpc_port}"})

    assert (finding.id, finding.severity) == ("endpoint.protocol", Severity.ERROR)
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=grpc" in finding.fix


def test_grpc_sent_to_an_http_port_is_an_error(http: tuple[int, list[tuple[str, str | None]]]) -> None:
    """And the other way round."""
    (finding,) = _find(**{_SHARED: f"http://127.0.0.1:{http[0]}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})

    assert finding.id == "endpoint.protocol"
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in finding.fix


def test_a_signals_endpoint_without_its_path_is_an_error(http: tuple[int, list[tuple[str, str | None]]]) -> None:
    """The other classic: a signal's own variable is taken as it is."""
    env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{http[0]}", _SHARED: f"http://127.0.0.1:{http[0]}"}

    (finding,) = _find(**env)

    assert finding.id == "endpoint.path"
    assert "/v1/traces" in finding.fix


def test_a_refused_key_is_an_error_and_the_right_one_is_sent(http: tuple[int, list[tuple[str, str | None]]]) -> None:
    """The probe shows the headers that the exporter would show."""
    locked = f"http://127.0.0.1:{http[0]}/locked"

    (refused, *_) = _find(**{_SHARED: locked})

    assert refused.id == "endpoint.credentials"
    assert _find(**{_SHARED: locked, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=open%20sesame"}) == []


def test_a_header_cannot_smuggle_in_another(http: tuple[int, list[tuple[str, str | None]]]) -> None:
    """A line break in a value is not sent."""
    _find(**{_SHARED: f"http://127.0.0.1:{http[0]}", "OTEL_EXPORTER_OTLP_HEADERS": "x=1%0d%0aapi-key: sneaky"})

    assert {key for _, key in http[1]} == {None}


def test_encryption_towards_a_server_without_is_an_error(http: tuple[int, list[tuple[str, str | None]]]) -> None:
    """https where http was meant."""
    (finding,) = _find(**{_SHARED: f"https://127.0.0.1:{http[0]}"})

    assert finding.id == "endpoint.tls"


def test_a_certificate_file_that_is_missing_is_an_error(http: tuple[int, list[tuple[str, str | None]]]) -> None:
    """The exporter would fail for the same reason."""
    env = {_SHARED: f"https://127.0.0.1:{http[0]}", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem"}

    (finding,) = _find(**env)

    assert finding.id == "endpoint.tls"
    assert "No such file" in finding.what


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=otelkit-test"
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_must_be_trusted(certificate: tuple[Path, Path], trusted: bool) -> None:
    """By the system, or by the file that OTEL_EXPORTER_OTLP_CERTIFICATE names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    handler = type("_Fresh", (_Receiver,), {"seen": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refused handshake is what is tested
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        env = {_SHARED: f"https://127.0.0.1:{server.server_port}"}
        if trusted:
            env["OTEL_EXPORTER_OTLP_CERTIFICATE"] = str(certificate[0])
        try:
            findings = _find(**env)
        finally:
            server.shutdown()
            thread.join()

    assert [finding.id for finding in findings] == ([] if trusted else ["endpoint.tls"])


def test_a_listener_that_says_nothing_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """And does not hold the doctor up."""
    monkeypatch.setattr("otelkit.health.endpoints._LIMIT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (finding,) = _find(**{_SHARED: f"http://127.0.0.1:{listener.getsockname()[1]}"})

    assert (finding.id, finding.severity) == ("endpoint.silent", Severity.WARNING)


def test_a_malformed_endpoint_is_one_error() -> None:
    """As the user wrote it, not as it was completed."""
    (finding,) = _find(**{_SHARED: "collector:4318"})

    assert finding.id == "endpoint.malformed"
    assert "'collector:4318'" in finding.what


def test_behind_a_proxy_nothing_is_tried(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the proxy gets there is not for a direct connection to tell."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert _find(**{_SHARED: f"http://collector.example:{closed_port}"}) == []
