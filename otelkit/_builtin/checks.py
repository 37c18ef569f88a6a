"""Offer otelkit's own health checks, and note the faults that the doctor tells of later."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from otelkit import _guard
from otelkit.health.faults import FaultNotes
from otelkit.model.blueprint import Blueprint
from otelkit.model.checks import Finding, HealthCheck
from otelkit.plugin import hookimpl

NAMES: Final = (
    "switches",
    "rivals",
    "versions",
    "variables",
    "names",
    "targets",
    "plugins",
    "endpoints",
    "receiver",
    "store",
    "losses",
    "spool",
    "disk",
)


@hookimpl
def otelkit_health_checks() -> Iterable[HealthCheck]:
    return [_named(name) for name in NAMES]


@hookimpl
def otelkit_installed(report: Blueprint) -> None:
    # Absolute: the program may go to another folder.
    _guard.on_any_fault = FaultNotes(Path(report.settings.text("store_dir")).absolute()).note


def _named(name: str) -> HealthCheck:
    def run(blueprint: Blueprint) -> Iterable[Finding]:
        # Here: every instrumented program loads this plugin, and only the doctor needs what the checks import.
        from otelkit._builtin.doctor_checks import CHECKS

        return CHECKS[name](blueprint)

    return HealthCheck(name, run)
