"""Checks of all plugins are run, and none can hold up or stop the others."""

from __future__ import annotations

import threading

import pytest

from otelkit._assembly.plan import plan
from otelkit._cli.examination import examine
from otelkit.model.blueprint import Blueprint
from otelkit.model.checks import Finding, HealthCheck, Severity
from otelkit.plugin import hookimpl
from otelkit.plugin.loading import Candidate
from otelkit.settings import FileSource


def _blueprint(*checks: HealthCheck) -> Blueprint:
    class Plugin:
        @hookimpl
        def otelkit_health_checks(self) -> list[HealthCheck]:
            return list(checks)

    return plan(
        env={"OTEL_PYTHON_OTELKIT_PLUGINS_DENY": "otelkit.checks"},
        file=FileSource(),
        extra=[Candidate("acme", "acme-otel", "1.0", Plugin)],
    ).blueprint


def _finding(name: str, severity: Severity) -> Finding:
    return Finding(name, severity, "what", "why", "fix")


def test_a_plugins_check_is_run_and_the_worst_comes_first() -> None:
    """The same finding is said once."""
    note, error = _finding("a.note", Severity.NOTE), _finding("b.error", Severity.ERROR)
    plugin = HealthCheck("acme", lambda blueprint: [note, error, note])

    found = examine(_blueprint(plugin))

    assert [finding for finding in found if finding in (note, error)] == [error, note]


@pytest.mark.parametrize("answer", ["text", [3], None])
def test_a_check_that_fails_is_a_finding_of_its_own(answer: object) -> None:
    """It names the plugin and its distribution; the other checks go on."""
    bad = HealthCheck("bad", lambda blueprint: answer)  # type: ignore[arg-type, return-value]  # that is the claim
    fine = HealthCheck("fine", lambda blueprint: [_finding("c.note", Severity.NOTE)])

    found = {finding.id: finding for finding in examine(_blueprint(bad, fine))}

    assert "The check bad of the plugin acme (distribution acme-otel) failed: TypeError" in found["check.failed"].what
    assert "c.note" in found


def test_a_check_gets_the_blueprint() -> None:
    """What is planned is what it judges."""
    seen: list[Blueprint] = []

    def look(blueprint: Blueprint) -> list[Finding]:
        seen.append(blueprint)
        return []

    blueprint = _blueprint(HealthCheck("look", look))
    examine(blueprint)

    assert seen == [blueprint]


def test_a_check_that_hangs_is_left_behind() -> None:
    """And named; what the others found is there."""
    never = threading.Event()

    def hang(blueprint: Blueprint) -> list[Finding]:
        never.wait(60)
        return []

    fine = HealthCheck("fine", lambda blueprint: [_finding("c.note", Severity.NOTE)])

    found = {finding.id: finding for finding in examine(_blueprint(HealthCheck("slow", hang), fine), limit_s=0.3)}
    never.set()

    assert "The check slow of the plugin acme (distribution acme-otel) took too long" in found["check.failed"].what
    assert "c.note" in found


def test_a_check_that_exits_is_a_finding_and_not_the_end() -> None:
    """`sys.exit` in a stranger's code."""

    def leave(blueprint: Blueprint) -> list[Finding]:
        raise SystemExit(3)

    (finding,) = examine(_blueprint(HealthCheck("leave", leave)))

    assert "failed: SystemExit: 3" in finding.what
