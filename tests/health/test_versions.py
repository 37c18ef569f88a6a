"""Releases of OpenTelemetry that do not belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelkit.health.versions import find_skew
from otelkit.model.checks import Finding, Severity
from tests.distributions import install


def _find(site: Path, monkeypatch: pytest.MonkeyPatch, **versions: str) -> list[Finding]:
    for name, version in versions.items():
        install(site, name.replace("_", "-"), version)
    monkeypatch.syspath_prepend(site)
    return list(find_skew())


@pytest.mark.sdk
def test_this_environment_is_in_step() -> None:
    """With either supported SDK."""
    assert list(find_skew()) == []


def test_an_instrumentation_of_an_old_release_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mixture that unpinned installers make: 0.48b0 beside today's SDK."""
    findings = _find(tmp_path, monkeypatch, opentelemetry_sdk="1.45.2", opentelemetry_instrumentation_flask="0.48b0")

    (finding,) = [one for one in findings if "flask" in one.what]
    assert (finding.id, finding.severity) == ("versions.skew", Severity.ERROR)
    assert "expected 0.66bx" in finding.what
    assert finding.fix == "pip install 'opentelemetry-instrumentation-flask==0.66b*'"


def test_an_exporter_of_another_release_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The core parts share one number."""
    findings = _find(tmp_path, monkeypatch, opentelemetry_sdk="1.45.1", opentelemetry_exporter_zipkin_json="1.30.0")

    (finding,) = [one for one in findings if "zipkin" in one.what]
    assert finding.id == "versions.skew"
    assert "expected 1.45.x" in finding.what


def test_a_beta_exporter_and_a_strangers_package_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some exporters are betas; names that only begin with opentelemetry- have numbers of their own."""
    findings = _find(
        tmp_path,
        monkeypatch,
        opentelemetry_sdk="1.45.1",
        opentelemetry_exporter_prometheus="0.66b1",
        opentelemetry_resourcedetector_gcp="1.9.0a0",
        opentelemetry_distroless_thing="3.0",
    )

    named = ("opentelemetry-exporter-prometheus", "opentelemetry-resourcedetector", "opentelemetry-distroless")
    assert [finding.what for finding in findings if finding.what.startswith(named)] == []


def test_an_sdk_outside_of_what_was_tested_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds are those of our own distribution."""
    findings = _find(tmp_path, monkeypatch, opentelemetry_sdk="1.99.0")

    (finding,) = [one for one in findings if one.id == "versions.unsupported"]
    assert "opentelemetry-sdk 1.99.0" in finding.what
    assert finding.severity is Severity.WARNING


def test_an_sdk_that_is_none_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release 0.x is from another age."""
    (finding,) = _find(tmp_path, monkeypatch, opentelemetry_sdk="0.17b0")

    assert finding.id == "versions.no_sdk"


def test_a_damaged_installation_does_not_stop_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of metadata without metadata has no name."""
    (tmp_path / "half-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    assert list(find_skew()) == []
