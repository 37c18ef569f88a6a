"""What ``OTEL_*`` variables say, each with its one clear message when it is wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

_log = logging.getLogger("otelkit.settings")

MOST: Final = 1e9
"""No count of things and no time in milliseconds is larger than this (the latter is 11 days)."""


def is_disabled(env: Mapping[str, str]) -> bool:
    """Return whether ``OTEL_SDK_DISABLED`` switches everything off."""
    return env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def number(env: Mapping[str, str], variable: str, default: float, *, minimum: float = 0.0) -> float:
    """Return a numeric ``OTEL_*`` variable; a wrong value is reported and the default is used."""
    raw = env.get(variable, "").strip()
    if not raw:
        return default
    try:
        value = float(raw)
    except ValueError:
        value = float("nan")
    if not minimum <= value <= MOST:  # also when it is not a number
        _log.error(
            "%s is %r; expected a number of at least %g, below a billion. %g is used until it is corrected.",
            variable, raw, minimum, default,
        )  # fmt: skip
        return default
    return value


def whole(env: Mapping[str, str], variable: str, default: int, *, minimum: int = 1) -> int:
    """Return a whole-number ``OTEL_*`` variable; a wrong value is reported and the default is used."""
    return int(number(env, variable, default, minimum=minimum))


def names(env: Mapping[str, str], variable: str, default: str) -> tuple[str, ...]:
    """Return a comma-separated list of names; ``none`` alone means no name at all."""
    raw = env.get(variable, "").strip() or default
    found = tuple(dict.fromkeys(part.strip() for part in raw.split(",") if part.strip()))
    return tuple(name for name in found if name.lower() != "none")


def find_entry_point(group: str, name: str) -> EntryPoint | None:
    """Return the installed entry point of that name, or None."""
    return next(iter(entry_points(group=group, name=name)), None)


def known_names(group: str) -> list[str]:
    """Return the names installed in an entry-point group."""
    return sorted({entry.name for entry in entry_points(group=group)})
