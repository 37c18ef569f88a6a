"""Other vendors' distros beside us, and who won.

``opentelemetry-instrument`` takes the first distro and the first configurator that it finds, in the order in which folders
happen to be listed, unless a variable names one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from otelkit.model.checks import Finding, Severity
from otelkit.settings import nearest

_OURS: Final = "otelkit"
_DISTRO: Final = "OTEL_PYTHON_DISTRO"
_CONFIGURATOR: Final = "OTEL_PYTHON_CONFIGURATOR"


def find_rivals(env: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each place where ``opentelemetry-instrument`` has, or might have, taken somebody else.

    Args:
        env: The environment in which the program would be started.
    """
    distros = list(entry_points(group="opentelemetry_distro"))
    wanted = env.get(_DISTRO)
    yield from _judge("distro", _DISTRO, wanted, distros)
    chosen = env.get(_CONFIGURATOR)
    if chosen is None and _winner(wanted, distros) == _OURS:
        # Our distro names our configurator itself.
        return
    yield from _judge("configurator", _CONFIGURATOR, chosen, list(entry_points(group="opentelemetry_configurator")))


def _winner(wanted: str | None, installed: Iterable[EntryPoint]) -> str | None:
    names = [entry.name for entry in installed]
    if wanted is not None:
        return wanted if wanted in names else None
    return names[0] if names else None


def _judge(kind: str, variable: str, wanted: str | None, installed: list[EntryPoint]) -> Iterator[Finding]:
    winner = _winner(wanted, installed)
    names = [entry.name for entry in installed]
    rivals = [entry for entry in installed if entry.name != _OURS]
    if wanted is not None and winner is None:
        close = nearest(wanted, names)
        hint = f"Did you mean {close}?" if close else f"Installed are: {', '.join(names) or 'none'}."
        yield Finding(
            f"rival.{kind}",
            Severity.ERROR,
            f"{variable} is {wanted!r}, but no {kind} of that name is installed. {hint}",
            "`opentelemetry-instrument` goes on without one, so otelkit is not started.",
            f"Unset {variable}, or set it to {_OURS}.",
        )
    elif winner != _OURS:
        by_whom = _who(next((entry for entry in rivals if entry.name == winner), None))
        if wanted is not None:
            severity, because = Severity.WARNING, f"because {variable} says so"
        else:
            severity, because = Severity.ERROR, "because it is found first"
        yield Finding(
            f"rival.{kind}",
            severity,
            f"`opentelemetry-instrument` takes the {kind} {by_whom}, {because}; otelkit is not started.",
            "Only one of them can configure OpenTelemetry in a process.",
            f"Set {variable}={_OURS}, or uninstall the other one.",
        )
    elif rivals:
        others = ", ".join(_who(entry) for entry in rivals)
        yield Finding(
            f"rival.{kind}",
            Severity.NOTE if wanted is not None else Severity.WARNING,
            f"The {kind} {others} is installed too; otelkit won"
            + (f", because {variable} says so." if wanted is not None else ", but only because it is found first."),
            "Which one is found first may change with the next installation.",
            f"Set {variable}={_OURS}, or uninstall the other one." if wanted is None else "Nothing to do.",
        )


def _who(entry: EntryPoint | None) -> str:
    if entry is None:
        return "none"
    return f"{entry.name} (distribution {entry.dist.name if entry.dist else 'unknown'})"
