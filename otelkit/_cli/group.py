"""The Click group: commands are imported when they are used, errors become a message and an exit code."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from functools import cached_property

import click

from otelkit._builtin.command_list import COMMANDS
from otelkit._cli import exits
from otelkit._cli.overview import overview
from otelkit._cli.plugged_in import plugin_commands
from otelkit._version import __version__
from otelkit.errors import OtelkitError, PluginError
from otelkit.model.commands import CommandSpec
from otelkit.settings.nearest import nearest


class _Commands(click.Group):
    """A group that knows its commands by name only, until one is used."""

    @cached_property
    def _from_plugins(self) -> list[tuple[str, CommandSpec]]:
        return plugin_commands()

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [spec.name for spec in COMMANDS] + [spec.name for _, spec in self._from_plugins]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for spec in COMMANDS:
            if spec.name == cmd_name:
                return _import(spec, "otelkit")
        # Strangers are imported only for a name that is not ours: theirs can't take ours anyway.
        for plugin, spec in self._from_plugins:
            if spec.name == cmd_name:
                return _import(spec, plugin)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            close = nearest(name, self.list_commands(ctx))
            hint = f"Did you mean `otelkit {close}`?" if close else "`otelkit --help` lists the commands."
            ctx.fail(f"There is no command {name!r}. {hint}")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(overview(COMMANDS, self._from_plugins) + "\n")


def _import(spec: CommandSpec, plugin: str) -> click.Command:
    module, _, attribute = spec.target.partition(":")
    try:
        command = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise PluginError(
            f"The command `{spec.name}` of the plugin {plugin} could not be loaded from {spec.target}: "
            f"{type(error).__name__}: {error}. Update or uninstall what brought it.",
            plugin=plugin,
        ) from error
    if not isinstance(command, click.Command):
        raise PluginError(
            f"The command `{spec.name}` of the plugin {plugin} is {spec.target}, a {type(command).__name__}; "
            "expected a click.Command. Report it to the plugin's authors.",
            plugin=plugin,
        )
    return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="otelkit", message="%(prog)s %(version)s")
def commands() -> None:
    """Everything that can be typed after ``otelkit``."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code. Whatever otelkit raises on purpose becomes a message on stderr."""
    if any(variable.startswith("OTEL_") for variable in os.environ):
        # OpenTelemetry's API raises at its import for some wrong values. What a program starts with is corrected with ours.
        from otelkit._assembly.starting import speak_up
        from otelkit.health.disarm import disarm

        speak_up()
        disarm(os.environ)
    try:
        # None: Click looks whether it writes to a terminal. https://no-color.org asks for more.
        color = False if os.environ.get("NO_COLOR") else None
        result: object = commands.main(list(arguments), prog_name="otelkit", standalone_mode=False, color=color)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:  # Ctrl-C
        return exits.INTERRUPTED
    except OtelkitError as error:
        click.echo(f"otelkit: {error}", err=True)
        return exits.exit_code_of(error)
    except OSError as error:
        # What is left: a place to write to that takes nothing more (a full disk, /dev/full).
        click.echo(f"otelkit: the answer could not be written: {error.strerror or error}.", err=True)
        return exits.FAILED
    return result if type(result) is int else exits.OK
