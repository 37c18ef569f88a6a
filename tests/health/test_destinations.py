"""Where telemetry is sent, by OpenTelemetry's rules."""

from __future__ import annotations

import pytest

from otelkit.health.destinations import destinations_of


def _traces(**env: str) -> tuple[str, str, int, bool]:
    (one,) = [one for one in destinations_of(env) if one.signal == "traces"]
    return one.url, one.host, one.port, one.tls


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, ("http://localhost:4318/v1/traces", "localhost", 4318, False)),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/base/"},
            ("http://collector:4318/base/v1/traces", "collector", 4318, False),
        ),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/traces"},
            ("https://collector/traces", "collector", 443, True),
        ),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            ("http://localhost:4317", "localhost", 4317, False),
        ),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:9999"},
            ("collector:9999", "collector", 9999, True),
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:9999",
                "OTEL_EXPORTER_OTLP_INSECURE": "true",
            },
            ("collector:9999", "collector", 9999, False),
        ),
        (
            {"OTEL_TRACES_EXPORTER": "otlp_proto_grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1]:4317"},
            ("http://[::1]:4317", "::1", 4317, False),
        ),
    ],
)
def test_an_endpoint_is_read_as_the_exporters_read_it(
    env: dict[str, str], expected: tuple[str, str, int, bool]
) -> None:
    """The shared endpoint gets the signal's path, a signal's own is taken as it is; gRPC may lack the scheme."""
    assert expected == _traces(**env)


@pytest.mark.parametrize("url", ["collector:4318", "ftp://collector", "http://", "http://host:port", "http://[::1"])
def test_a_malformed_endpoint_has_no_host(url: str) -> None:
    """It is reported instead of tried."""
    assert _traces(OTEL_EXPORTER_OTLP_ENDPOINT=url)[1] == ""


def test_signals_that_are_not_exported_have_no_destination() -> None:
    """`none` and exporters that are no OTLP are not asked."""
    env = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "otlp"}

    assert [one.signal for one in destinations_of(env)] == ["logs"]
