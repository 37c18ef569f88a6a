"""Run the health checks of all plugins, none of which can hold up or stop the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Final

from otelkit.model.blueprint import Blueprint, Offered
from otelkit.model.checks import Finding, HealthCheck, Severity

LIMIT_S: Final = 15.0
"""Longest time all checks together may take; each is asked to take at most 5 s, and they run side by side."""

_WORST_FIRST: Final = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


def examine(blueprint: Blueprint, limit_s: float = LIMIT_S) -> list[Finding]:
    """Return what went wrong while planning and what the checks find, the worst first, each thing once.

    A check that raises, answers with something else or takes too long becomes a finding of its own.
    """
    visits = [_Visit(offer, blueprint) for offer in blueprint.checks]
    deadline = time.monotonic() + limit_s
    findings = list(blueprint.findings)
    for visit in visits:
        findings += visit.result(max(0.0, deadline - time.monotonic()))
    return sorted(dict.fromkeys(findings), key=lambda finding: _WORST_FIRST.index(finding.severity))


class _Visit:
    """One check, on a thread of its own: one that hangs is left behind when the program ends."""

    def __init__(self, offer: Offered[HealthCheck], blueprint: Blueprint) -> None:
        self._offer = offer
        self._findings: list[Finding] | None = None
        self._thread = threading.Thread(target=self._run, args=(blueprint,), daemon=True)
        self._thread.start()

    def _run(self, blueprint: Blueprint) -> None:
        try:
            answer: list[object] = list(self._offer.value.run(blueprint))
            findings = [found for found in answer if isinstance(found, Finding)]
            if len(findings) != len(answer):
                wrong = next(type(found).__name__ for found in answer if not isinstance(found, Finding))
                raise TypeError(f"expected Finding, got {wrong}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's check may raise anything
            findings = [self._failed(f"failed: {type(error).__name__}: {error}")]
        self._findings = findings

    def result(self, timeout_s: float) -> Iterable[Finding]:
        """Return what was found, or that it took longer than ``timeout_s``."""
        self._thread.join(timeout_s)
        return [self._failed("took too long and was left behind")] if self._findings is None else self._findings

    def _failed(self, how: str) -> Finding:
        offer = self._offer
        origin = f" (distribution {offer.distribution})" if offer.distribution else ""
        return Finding(
            "check.failed",
            Severity.ERROR,
            f"The check {offer.value.name} of the plugin {offer.plugin}{origin} {how}.",
            "What it looks after is not known.",
            "Report it to the plugin's authors, or name the plugin in the setting plugins_deny.",
        )
