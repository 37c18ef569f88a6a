"""A command of the ``otelkit`` program that a plugin offers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command, named without importing it, so that ``otelkit --help`` stays fast."""

    name: str
    """What the user types after ``otelkit``."""
    target: str
    """``module:attribute`` of a ``click.Command``; imported when the command is used."""
    help: str
    """One line."""
