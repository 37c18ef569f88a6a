"""Other vendors' distros beside us."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelkit.health.rivals import find_rivals
from otelkit.model.checks import Finding, Severity
from tests.distributions import install


def _rival(site: Path, *, distro: bool = True, configurator: bool = True) -> None:
    entry_points = {}
    if distro:
        entry_points["opentelemetry_distro"] = {"acme": "acme:Distro"}
    if configurator:
        entry_points["opentelemetry_configurator"] = {"acme": "acme:Configurator"}
    install(site, "acme-otel", entry_points=entry_points)


def _find(**env: str) -> list[Finding]:
    return list(find_rivals(env))


def test_alone_there_is_nothing_to_say() -> None:
    """The usual case has no finding."""
    assert _find() == []


def test_a_rival_that_is_found_first_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It wins by the order of folders, so otelkit is not started; the finding names it and the variable."""
    _rival(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    distro, configurator = _find()

    assert (distro.id, distro.severity) == ("rival.distro", Severity.ERROR)
    assert (configurator.id, configurator.severity) == ("rival.configurator", Severity.ERROR)
    assert "acme (distribution acme-otel)" in distro.what
    assert "OTEL_PYTHON_DISTRO=otelkit" in distro.fix


def test_a_rival_that_is_found_later_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """We won by chance; the next installation may turn it around."""
    _rival(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path, str(tmp_path)])

    (distro,) = _find()

    assert (distro.id, distro.severity) == ("rival.distro", Severity.WARNING)
    assert "otelkit won" in distro.what


def test_naming_us_settles_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable set the rival is worth a note only."""
    _rival(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    findings = _find(OTEL_PYTHON_DISTRO="otelkit")

    assert [(finding.id, finding.severity) for finding in findings] == [("rival.distro", Severity.NOTE)]


def test_naming_the_rival_is_the_users_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said that otelkit does not start, but nothing is broken."""
    _rival(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    findings = _find(OTEL_PYTHON_DISTRO="acme", OTEL_PYTHON_CONFIGURATOR="acme")

    assert [finding.severity for finding in findings] == [Severity.WARNING, Severity.WARNING]
    assert "because OTEL_PYTHON_DISTRO says so" in findings[0].what


def test_a_rival_configurator_alone_does_not_win_against_our_distro(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our distro names our configurator."""
    _rival(tmp_path, distro=False)
    monkeypatch.syspath_prepend(tmp_path)

    assert _find() == []


def test_a_name_that_is_not_installed_is_an_error() -> None:
    """`opentelemetry-instrument` itself says nothing about it."""
    (finding,) = [one for one in _find(OTEL_PYTHON_DISTRO="otelkti") if one.id == "rival.distro"]

    assert finding.severity is Severity.ERROR
    assert "Did you mean otelkit?" in finding.what
