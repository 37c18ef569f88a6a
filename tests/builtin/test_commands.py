"""otelkit's own commands come through the same hook as everybody else's."""

from __future__ import annotations

import importlib

import click
import pytest

from otelkit._builtin.command_list import COMMANDS
from otelkit._builtin.commands import otelkit_commands
from otelkit.model.commands import CommandSpec


def test_the_hook_offers_what_the_list_has() -> None:
    """The list can be read without pluggy; there is only one."""
    assert tuple(otelkit_commands()) == COMMANDS


@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: spec.name)
def test_each_names_a_command_and_says_what_it_does_in_one_line(spec: CommandSpec) -> None:
    """It fits a terminal of 80 columns."""
    module, _, attribute = spec.target.partition(":")

    assert isinstance(getattr(importlib.import_module(module), attribute), click.Command)
    assert spec.help.endswith(".")
    assert len(f"  {spec.name:<7}  {spec.help}") <= 80
