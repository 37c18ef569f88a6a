"""Take wrong ``OTEL_*`` values out of the way that would make the SDK raise, some of them as early as at its import.

Each is said once, with what is used instead. This module must not import the SDK, and runs before anything does.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from importlib.metadata import entry_points
from typing import Final

from otelkit.settings.nearest import hint

_log = logging.getLogger("otelkit.settings")

_COUNTS: Final = (
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
)
"""Whole numbers from 0, or ``unset`` for no limit."""

_OTLP: Final = ("OTEL_EXPORTER_OTLP_", *(f"OTEL_EXPORTER_OTLP_{signal}_" for signal in ("TRACES", "METRICS", "LOGS")))

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "OTEL_METRICS_EXEMPLAR_FILTER": ("always_off", "always_on", "trace_based"),
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": ("cumulative", "delta", "lowmemory"),
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": (
        "explicit_bucket_histogram",
        "base2_exponential_bucket_histogram",
    ),
    **{f"{prefix}COMPRESSION": ("deflate", "gzip", "none") for prefix in _OTLP},
}
_PROPAGATORS: Final = "OTEL_PROPAGATORS"

taken: dict[str, str] = {}
"""What was taken out of this process's environment, as it stood there; for the doctor."""


def disarm(env: MutableMapping[str, str]) -> None:
    """Unset wrong values in ``env``, so that the SDK's defaults hold, and say so. Never raises."""
    for variable in _COUNTS:
        raw = env.get(variable, "").strip()
        if raw and raw.lower() != "unset" and not raw.isdecimal():
            _unset(env, variable, "a whole number of at least 0, or `unset`")
    for variable, choices in _CHOICES.items():
        raw = env.get(variable, "").strip()
        if raw and raw.lower() not in choices:
            _unset(env, variable, f"one of {', '.join(choices)}")
    _disarm_propagators(env)


def _unset(env: MutableMapping[str, str], variable: str, expected: str) -> None:
    _log.error("%s is %r; expected %s. The default is used until it is corrected.", variable, env[variable], expected)
    taken[variable] = env.pop(variable)


def _disarm_propagators(env: MutableMapping[str, str]) -> None:
    raw = env.get(_PROPAGATORS, "").strip()
    if not raw:
        return
    wanted = [part.strip() for part in raw.split(",") if part.strip()]
    known = {"none", *(entry.name for entry in entry_points(group="opentelemetry_propagator"))}
    wrong = [name for name in wanted if name.lower() not in known]
    if not wrong:
        return
    right = [name for name in wanted if name not in wrong]
    _log.error(
        "%s asks for %s, which is not installed. %s Until it is corrected, %s.",
        _PROPAGATORS, ", ".join(map(repr, wrong)),
        hint(wrong[0], known),
        f"only {', '.join(right)} is used" if right else "the default is used",
    )  # fmt: skip
    taken[_PROPAGATORS] = env.pop(_PROPAGATORS)
    if right:
        env[_PROPAGATORS] = ",".join(right)
