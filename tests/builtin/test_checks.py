"""otelkit's own health checks, and the note of faults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otelkit import _guard
from otelkit._assembly.plan import plan
from otelkit._builtin import checks
from otelkit._builtin.doctor_checks import CHECKS
from otelkit._guard import Barrier
from otelkit.health.faults import read_faults
from otelkit.model.checks import Finding, Severity
from otelkit.settings import FileSource
from tests.distributions import clean_environment


def test_each_name_has_its_check() -> None:
    """The names are told while planning, the checks are imported when they run."""
    assert tuple(CHECKS) == checks.NAMES


def test_offering_checks_does_not_import_what_they_need() -> None:
    """Every instrumented program loads this plugin."""
    code = (
        "import sys, otelkit._builtin.checks; print([m for m in sys.modules if m in ('sqlite3', 'ssl', 'http.client')])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True)

    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", checks.NAMES)
def test_each_check_runs_in_an_empty_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And finds nothing broken there."""
    monkeypatch.chdir(tmp_path)
    for variable in list(os.environ):
        if variable.startswith("OTEL_"):
            monkeypatch.delenv(variable)
    blueprint = plan(env={}, file=FileSource(), code={"receiver_http_port": 0, "receiver_grpc_port": 0}).blueprint
    (offer,) = [offer for offer in blueprint.checks if offer.value.name == name]

    findings = list(offer.value.run(blueprint))

    assert all(isinstance(finding, Finding) for finding in findings)
    assert [finding for finding in findings if finding.severity is Severity.ERROR] == []
    assert list(tmp_path.iterdir()) == []


def test_once_installed_faults_are_noted_where_the_program_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it has gone to another folder since."""
    monkeypatch.setattr(_guard, "on_any_fault", None)
    monkeypatch.chdir(tmp_path)
    checks.otelkit_installed(plan(env={}, file=FileSource()).blueprint)
    monkeypatch.chdir("/")

    Barrier("step mask", "acme-otel").fault(ValueError("no"), "on_end")

    assert [fault.name for fault in read_faults(tmp_path / ".otelkit")] == ["step mask"]
