"""Names in variables that nothing installed answers to."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelkit.health.named import find_wrong_names
from otelkit.model.checks import Finding, Severity
from tests.distributions import install


def _find(*samplers: str, **env: str) -> list[Finding]:
    return list(find_wrong_names(env, samplers))


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_TRACES_SAMPLER": "parentbased_always_on"},
        {"OTEL_TRACES_SAMPLER": "ALWAYS_ON"},
        {"OTEL_TRACES_SAMPLER": "otelkit_ratio"},
        {"OTEL_TRACES_SAMPLER": "offered_by_a_plugin"},
        {"OTEL_TRACES_EXPORTER": "otlp,console", "OTEL_METRICS_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "jaeger"},
        {"OTEL_PROPAGATORS": "tracecontext, baggage"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        {"OTEL_PYTHON_ID_GENERATOR": "random"},
    ],
)
def test_names_that_are_there_are_fine(env: dict[str, str]) -> None:
    """Those of OpenTelemetry, ours, and those of plugins."""
    assert list(find_wrong_names(env, ["offered_by_a_plugin"])) == []


@pytest.mark.parametrize(
    ("variable", "value", "hint"),
    [
        ("OTEL_TRACES_SAMPLER", "otelkit_ration", "Did you mean otelkit_ratio?"),
        ("OTEL_TRACES_EXPORTER", "otlp,consol", "Did you mean console?"),
        ("OTEL_METRICS_EXPORTER", "prometheuss", "Known are: console, none, otlp"),
        ("OTEL_LOGS_EXPORTER", "oltp", "Did you mean otlp?"),
        ("OTEL_PROPAGATORS", "tracecontext,bagage", "Did you mean baggage?"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuff", "Did you mean http/protobuf?"),
        ("OTEL_PYTHON_ID_GENERATOR", "xray", "Known are: random."),
    ],
)
def test_a_name_that_is_not_there_is_an_error_with_the_nearest(variable: str, value: str, hint: str) -> None:
    """One wrong name, one finding, whatever it costs."""
    (finding,) = _find("otelkit_ratio", **{variable: value})

    assert (finding.id, finding.severity) == ("name.unknown", Severity.ERROR)
    assert variable in finding.what
    assert hint in finding.what


def test_a_wrong_shared_protocol_is_one_finding_for_all_signals() -> None:
    """Three times the same sentence would hide the other findings."""
    (finding,) = _find(OTEL_EXPORTER_OTLP_PROTOCOL="http/json")

    assert finding.why == "Nothing of traces, metrics, logs is exported over OTLP."


def test_a_protocol_whose_package_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for gRPC without the extra is the usual mistake."""
    monkeypatch.setattr("otelkit.health.named._installed", lambda group: {"otlp_proto_http"})

    (finding,) = [one for one in _find(OTEL_EXPORTER_OTLP_PROTOCOL="grpc") if one.id == "name.package_missing"]

    assert finding.fix == "pip install 'otelkit[grpc]'"


def test_a_strangers_exporter_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is installed counts."""
    install(tmp_path, "acme", entry_points={"opentelemetry_traces_exporter": {"acme": "acme:Exporter"}})
    monkeypatch.syspath_prepend(tmp_path)

    assert _find(OTEL_TRACES_EXPORTER="acme") == []
