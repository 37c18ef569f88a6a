"""``OTEL_EXPORTER_OTLP_*``, as the specification and the stock exporters have them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from otelkit._bounded import BoundedDict
from otelkit.delivery import transports
from otelkit.delivery.otlp_settings import OtlpSettings, Protocol, read_otlp_settings
from otelkit.delivery.transport import Later
from otelkit.delivery.transports import otlp_transport

pytestmark = pytest.mark.sdk

_O = "OTEL_EXPORTER_OTLP_"


def read(protocol: Protocol = "http/protobuf", **env: str) -> OtlpSettings:
    return read_otlp_settings("traces", protocol, {_O + key: value for key, value in env.items()})


def test_nothing_set_is_the_local_collector() -> None:
    """Over HTTP with the signal's path, over gRPC without TLS."""
    http, grpc = read(), read("grpc")

    assert (http.endpoint, grpc.endpoint) == ("http://localhost:4318/v1/traces", "http://localhost:4317")
    assert (http.timeout_s, http.compression, http.headers, grpc.insecure) == (10.0, "none", {}, True)
    assert http.mistakes == grpc.mistakes == ()


@pytest.mark.parametrize(
    "env",
    [
        {"ENDPOINT": "http://c:1"},
        {"ENDPOINT": "http://c:1/"},
        {"ENDPOINT": "https://c/base/"},
        {"TRACES_ENDPOINT": "http://c:1/exact"},
        {"TRACES_ENDPOINT": "http://c:1", "ENDPOINT": "http://other"},
        {"TIMEOUT": "3.5"},
        {"TRACES_TIMEOUT": "2", "TIMEOUT": "9"},
        {"COMPRESSION": "gzip"},
        {"TRACES_COMPRESSION": "none", "COMPRESSION": "deflate"},
        {"HEADERS": "a=1,B=x%2Cy"},
        {"TRACES_HEADERS": "c=3", "HEADERS": "a=1"},
        {"HEADERS": "authorization=Bearer x=y z"},
        {"HEADERS": " a = 1 , b = 2 ,"},
    ],
)
def test_what_is_set_means_what_it_means_to_the_stock_exporter(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody has to change anything."""
    for key, value in env.items():
        monkeypatch.setenv(_O + key, value)
    stock = OTLPSpanExporter()
    # SDK 1.45 keeps them in a client, 1.44 itself.
    holder = getattr(stock, "_client", stock)
    ours = read(**env)
    headers = {key.lower(): value for key, value in holder._headers.items()}
    for key in ("content-type", "user-agent", "content-encoding"):
        headers.pop(key, None)

    assert ours.endpoint == stock._endpoint
    assert ours.timeout_s == holder._timeout
    assert ours.compression == holder._compression.value
    assert ours.headers == headers


def test_an_empty_variable_is_not_set() -> None:
    """As the specification has it for all of them."""
    keys = ("ENDPOINT", "TRACES_ENDPOINT", "TIMEOUT", "COMPRESSION", "HEADERS", "CERTIFICATE", "INSECURE")

    assert read(**dict.fromkeys(keys, "")) == read()
    assert read("grpc", **dict.fromkeys(keys, " ")) == read("grpc")


def test_every_mistake_is_named_by_its_variable_and_the_rest_works(tmp_path: Path) -> None:
    """All at once, without what may be a secret."""
    found = read(
        TRACES_TIMEOUT="soon",
        COMPRESSION="brotli",
        HEADERS="good=1,se cret,b\x01=2,c=\x01hidden",
        CERTIFICATE=str(tmp_path / "none"),
        CLIENT_KEY="/dev/null",
    )

    assert (found.timeout_s, found.compression, found.headers) == (10.0, "none", {"good": "1"})
    assert found.usable
    assert [mistake.split()[0] for mistake in found.mistakes] == [
        _O + "CERTIFICATE",
        _O + "CLIENT_KEY",
        "header",
        "header",
        "header",
        _O + "TRACES_TIMEOUT",
        _O + "COMPRESSION",
    ]
    assert "cret" not in str(found.mistakes)
    assert "hidden" not in str(found.mistakes)


@pytest.mark.parametrize("timeout", ["0", "-1", "nan"])
def test_a_timeout_without_time_is_a_mistake(timeout: str) -> None:
    """Nothing could ever be sent."""
    assert read(TIMEOUT=timeout).timeout_s == 10.0
    assert len(read(TIMEOUT=timeout).mistakes) == 1


@pytest.mark.parametrize(
    "endpoint", ["collector:4318", "localhost", "ftp://x", "http://", "http://x:port", "http://[::1"]
)
def test_an_endpoint_that_is_no_url_is_a_mistake_and_nothing_goes_elsewhere(endpoint: str) -> None:
    """To send it to the default would be a guess about where somebody's data may go."""
    found = read(ENDPOINT=endpoint)

    assert not found.usable
    assert found.mistakes[0].startswith("OTEL_EXPORTER_OTLP_ENDPOINT can't be used; expected a URL")


@pytest.mark.parametrize(
    ("endpoint", "insecure", "expected"),
    [
        ("http://c:4317", "false", True),
        ("https://c:4317", "true", False),
        ("c:4317", "true", True),
        ("c:4317", "", False),
        ("c:4317", "TRUE", True),
        ("unix:///run/otel.sock", "true", True),
    ],
)
def test_over_grpc_the_scheme_decides_about_tls(endpoint: str, insecure: str, expected: bool) -> None:
    """The variable is for endpoints without one."""
    found = read("grpc", ENDPOINT=endpoint, INSECURE=insecure)

    assert (found.insecure, found.usable, found.mistakes) == (expected, True, ())


def test_a_credential_provider_may_be_for_one_signal() -> None:
    """Under the names of the stock exporters."""
    own = {"OTEL_PYTHON_EXPORTER_OTLP_GRPC_TRACES_CREDENTIAL_PROVIDER": "a"}
    shared = {"OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER": "b"}

    assert read_otlp_settings("traces", "grpc", own | shared).credential_provider == "a"
    assert read_otlp_settings("logs", "grpc", own | shared).credential_provider == "b"
    assert read_otlp_settings("logs", "http/protobuf", own | shared).credential_provider is None


@pytest.fixture
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "_told", BoundedDict(100))


@pytest.mark.usefixtures("_nothing_told")
def test_mistakes_are_told_in_one_message_and_once(caplog: pytest.LogCaptureFixture) -> None:
    """Also where three signals share a variable."""
    env = {_O + "TIMEOUT": "soon", _O + "COMPRESSION": "brotli", _O + "LOGS_TIMEOUT": "later"}
    with caplog.at_level(logging.ERROR, "otelkit.settings"):
        otlp_transport("traces", "http/protobuf", env)
        otlp_transport("metrics", "http/protobuf", env)
        otlp_transport("logs", "http/protobuf", env)

    assert [record.getMessage() for record in caplog.records] == [
        "OTEL_EXPORTER_OTLP_TIMEOUT is 'soon'; expected seconds above 0; 10 are used; OTEL_EXPORTER_OTLP_COMPRESSION is "
        "'brotli'; expected one of none, gzip, deflate; nothing is compressed. Everything else works on.",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT is 'later'; expected seconds above 0; 10 are used. Everything else works on.",
    ]


@pytest.mark.usefixtures("_nothing_told")
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_with_an_endpoint_that_is_none_everything_is_kept(protocol: Protocol) -> None:
    """It can be sent when the endpoint is mended."""
    made = otlp_transport("traces", protocol, {_O + "ENDPOINT": "http://"})()

    assert made.send(b"x", 1.0) == Later("the endpoint of traces is no URL")
    made.close()
