"""Which head sampler ``OTEL_TRACES_SAMPLER`` asks for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, DEFAULT_ON, ParentBased, Sampler, TraceIdRatioBased

from otelkit._assembly.environment import find_entry_point, known_names
from otelkit.model.blueprint import Offered, SamplerFactory
from otelkit.settings.nearest import hint

_log = logging.getLogger("otelkit.settings")

_GROUP: Final = "opentelemetry_traces_sampler"
STANDARD: Final = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
"""The names that OpenTelemetry's specification defines."""


def choose_sampler(offered: Mapping[str, Offered[SamplerFactory]], env: Mapping[str, str]) -> Sampler:
    """Return the sampler asked for; on any mistake the default (`parentbased_always_on`) with one clear message."""
    name = env.get("OTEL_TRACES_SAMPLER", "").strip()
    argument = env.get("OTEL_TRACES_SAMPLER_ARG", "").strip() or None
    if not name:
        return DEFAULT_ON
    if name.lower() in STANDARD:
        return _standard(name.lower(), argument)
    sampler: object
    try:
        if name in offered:
            sampler = offered[name].value(argument)
        else:
            entry = find_entry_point(_GROUP, name)
            if entry is None:
                known = [*STANDARD, *offered, *known_names(_GROUP)]
                _log.error(
                    "OTEL_TRACES_SAMPLER asks for %r, which is not installed. %s Every trace is kept until it is corrected.",
                    name, hint(name, known),
                )  # fmt: skip
                return DEFAULT_ON
            sampler = entry.load()(argument)
    except Exception as error:  # noqa: BLE001 - a stranger's factory may raise anything
        _log.error(
            "the sampler %r (OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG=%r) could not be made: %s: %s. "
            "Every trace is kept until it is corrected.",
            name, argument, type(error).__name__, error,
        )  # fmt: skip
        return DEFAULT_ON
    if not isinstance(sampler, Sampler):
        _log.error(
            "the sampler %r (OTEL_TRACES_SAMPLER) made a %s; expected a Sampler. Every trace is kept until it is corrected.",
            name, type(sampler).__name__,
        )  # fmt: skip
        return DEFAULT_ON
    return sampler


def _standard(name: str, argument: str | None) -> Sampler:
    root: Sampler = ALWAYS_OFF if name.endswith("always_off") else ALWAYS_ON
    if name.endswith("traceidratio"):
        root = TraceIdRatioBased(_ratio(argument))
    return ParentBased(root) if name.startswith("parentbased_") else root


def _ratio(argument: str | None) -> float:
    if argument is None:
        return 1.0
    try:
        ratio = float(argument)
    except ValueError:
        ratio = -1.0
    if 0.0 <= ratio <= 1.0:
        return ratio
    _log.error(
        "OTEL_TRACES_SAMPLER_ARG is %r; expected a number from 0 to 1. 1 is used until it is corrected.", argument
    )
    return 1.0
