"""Offer otelkit's own commands through the same hook as everybody else's."""

from __future__ import annotations

from collections.abc import Iterable

from otelkit._builtin.command_list import COMMANDS
from otelkit.model.commands import CommandSpec
from otelkit.plugin import hookimpl


@hookimpl
def otelkit_commands() -> Iterable[CommandSpec]:
    return COMMANDS
