"""``OTEL_CONFIG_FILE``: a declarative configuration that stands in the place of the other ``OTEL_*`` variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from otelkit.health.variables import value_of
from otelkit.model.checks import Finding, Severity

_VARIABLE: Final = "OTEL_CONFIG_FILE"


def uses_config_file(env: Mapping[str, str]) -> bool:
    """Return whether the program takes its exporters, samplers and limits from a file instead of from variables."""
    name = value_of(env, _VARIABLE)
    return bool(name) and Path(name).is_file() and find_spec("opentelemetry.configuration") is not None


def find_config_file(env: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a note if a file is used: what variables say then has no effect, and is not checked."""
    if uses_config_file(env):
        yield Finding(
            "config_file.in_use",
            Severity.NOTE,
            f"{_VARIABLE} names {value_of(env, _VARIABLE)}: exporters, samplers and limits come from there.",
            "Other OTEL_* variables have no effect, so the doctor does not look at them.",
            "Nothing to do.",
        )
