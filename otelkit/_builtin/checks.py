"""Offer otelkit's own health checks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from otelkit.model.blueprint import Blueprint
from otelkit.model.checks import Finding, HealthCheck
from otelkit.plugin import hookimpl

NAMES: Final = (
    "rivals",
    "versions",
    "variables",
    "names",
    "targets",
    "plugins",
    "endpoints",
    "receiver",
    "store",
    "spool",
    "disk",
)


@hookimpl
def otelkit_health_checks() -> Iterable[HealthCheck]:
    return [_named(name) for name in NAMES]


def _named(name: str) -> HealthCheck:
    def run(blueprint: Blueprint) -> Iterable[Finding]:
        # Here: every instrumented program loads this plugin, and only the doctor needs what the checks import.
        from otelkit._builtin.doctor_checks import CHECKS

        return CHECKS[name](blueprint)

    return HealthCheck(name, run)
