"""Everything being switched off: what the user asked for, and often what they have forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otelkit.health.variables import value_of
from otelkit.model.checks import Finding, Severity
from otelkit.settings import Settings


def find_switched_off(env: Mapping[str, str], settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each switch that leaves nothing to see.

    Args:
        env: The environment in which the program would be started.
        settings: Ours.
    """
    if value_of(env, "OTEL_SDK_DISABLED").lower() == "true":
        yield _off("sdk.disabled", "OTEL_SDK_DISABLED is true.", "Unset OTEL_SDK_DISABLED.")
    if not settings.flag("enabled"):
        source = settings.sources["enabled"]
        yield _off("otelkit.disabled", f"The setting enabled is false (from {source}).", f"Correct it in {source}.")


def _off(name: str, what: str, fix: str) -> Finding:
    return Finding(name, Severity.WARNING, what, "No telemetry is recorded at all.", fix)
