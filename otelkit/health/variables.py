"""``OTEL_*`` variables whose value is not what the specification asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from otelkit.model.checks import Finding, Severity

_LOWEST: Final[Mapping[str, float]] = {
    "OTEL_BSP_SCHEDULE_DELAY": 0,
    "OTEL_BSP_EXPORT_TIMEOUT": 0,
    "OTEL_BSP_MAX_QUEUE_SIZE": 1,
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": 1,
    "OTEL_BLRP_SCHEDULE_DELAY": 0,
    "OTEL_BLRP_EXPORT_TIMEOUT": 0,
    "OTEL_BLRP_MAX_QUEUE_SIZE": 1,
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": 1,
    "OTEL_METRIC_EXPORT_INTERVAL": 1,
    "OTEL_METRIC_EXPORT_TIMEOUT": 0,
    "OTEL_EXPORTER_OTLP_TIMEOUT": 0,
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": 0,
    "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": 0,
    "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": 0,
    "OTEL_ATTRIBUTE_COUNT_LIMIT": 0,
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": 0,
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": 0,
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": 0,
    "OTEL_SPAN_EVENT_COUNT_LIMIT": 0,
    "OTEL_SPAN_LINK_COUNT_LIMIT": 0,
}
"""Variables that hold a number -> the lowest one allowed."""


def find_wrong_values(env: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each malformed value.

    Args:
        env: The environment in which the program would be started.
    """
    for variable, lowest in _LOWEST.items():
        raw = value_of(env, variable)
        if raw and not _within(raw, lowest):
            yield _malformed(variable, raw, f"a number of at least {lowest:g}", "The default is used.")
    for part in parts_of(env, "OTEL_RESOURCE_ATTRIBUTES"):
        if "=" not in part or part.startswith("="):
            yield _malformed("OTEL_RESOURCE_ATTRIBUTES", part, "key=value pairs", "That part is left out.")


def value_of(env: Mapping[str, str], variable: str) -> str:
    """Return a variable without surrounding blanks; unset counts as empty, as the specification asks."""
    return env.get(variable, "").strip()


def parts_of(env: Mapping[str, str], variable: str) -> list[str]:
    """Return the parts of a variable that are separated by commas, without the empty ones."""
    return [part.strip() for part in env.get(variable, "").split(",") if part.strip()]


def _malformed(variable: str, raw: str, expected: str, why: str) -> Finding:
    return Finding(
        "variable.malformed",
        Severity.ERROR,
        f"{variable} has {raw!r}; expected {expected}.",
        why,
        f"Correct or unset {variable}.",
    )


def _within(raw: str, lowest: float) -> bool:
    try:
        return lowest <= float(raw) <= float("inf")
    except ValueError:
        return False
