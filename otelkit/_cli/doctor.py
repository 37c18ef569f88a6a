"""``otelkit doctor``: find what is wrong, say why it matters and what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import click

from otelkit._cli import exits
from otelkit._cli.examination import examine
from otelkit._cli.paragraphs import paragraph
from otelkit._cli.planning import planned
from otelkit.model.checks import Finding, Severity

_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(as_json: bool) -> int:
    """Find what is wrong here, and what to do about it.

    Run it in the folder, and with the Python, in which your program runs. Nothing is changed, and none of your program's
    modules is imported. Exits with 1 if something is broken; warnings and notes alone exit with 0.
    """
    findings = examine(planned())
    broken = any(finding.severity is Severity.ERROR for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": not broken, "findings": [_as_json(finding) for finding in findings]}, indent=2))
    else:
        _print(findings)
    return exits.FAILED if broken else exits.OK


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "what": finding.what,
        "why": finding.why,
        "fix": finding.fix,
    }


def _print(findings: Sequence[Finding]) -> None:
    for finding in findings:
        severity = click.style(f"{finding.severity.value:<8}", fg=_COLOURS[finding.severity], bold=True)
        click.echo(f"{severity}{click.style(finding.id, bold=True)}")
        click.echo(paragraph(finding.what, indent=8))
        click.echo(paragraph(finding.why, indent=8))
        click.echo(paragraph(finding.fix, indent=8, first="Do: "))
        click.echo()
    counts = [
        f"{count} {severity.value}{'s' if count > 1 else ''}"
        for severity in _COLOURS
        if (count := sum(finding.severity is severity for finding in findings))
    ]
    click.echo(f"Found {', '.join(counts)}." if counts else "All well.")
