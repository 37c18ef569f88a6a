"""Settings of samplers that are set, and that the sampler in force does not look at: somebody believes in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from otelkit.model.checks import Finding, Severity
from otelkit.settings import Settings

VARIABLE: Final = "OTEL_TRACES_SAMPLER"
ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"
_WITHOUT_ARGUMENT: Final = frozenset({"always_on", "always_off", "parentbased_always_on", "parentbased_always_off"})
"""All others take one."""

Readings = Mapping[str, tuple[str, ...] | None]
"""Name of a sampler -> the settings that it looks at; None: nobody knows."""


def find_unread(readings: Readings, sampler: str, argument: str | None, settings: Settings) -> Iterator[Finding]:
    """Yield a warning for each setting, and for the argument, that is set and not looked at.

    Args:
        readings: Of the sampler in force, and of all that could be.
        sampler: The one in force.
        argument: ``OTEL_TRACES_SAMPLER_ARG``.
        settings: In force.
    """
    read = readings[sampler]
    if read is None:
        return
    of_others = {setting for reads in readings.values() for setting in reads or ()}
    for setting in sorted(of_others.difference(read) & settings.given):
        readers = sorted(name for name, reads in readings.items() if setting in (reads or ()))
        yield _useless(f"{setting} is set (from {settings.sources[setting]})", sampler, readers)
    if argument is not None and sampler in _WITHOUT_ARGUMENT:
        takers = sorted(set(readings) - _WITHOUT_ARGUMENT)
        yield _useless(f"{ARGUMENT} is {argument!r}", sampler, takers)


def _useless(what: str, sampler: str, readers: list[str]) -> Finding:
    return Finding(
        "sampler.setting_unused",
        Severity.WARNING,
        f"{what}, but the sampler in force, {sampler}, does not look at it.",
        "It changes nothing.",
        f"Set {VARIABLE} to one that does ({', '.join(readers)}), or remove it.",
    )
