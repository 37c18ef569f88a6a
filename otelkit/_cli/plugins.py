"""``otelkit plugins``: what is plugged in, what each plugin offers, what failed and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import click

from otelkit._cli.paragraphs import paragraph
from otelkit._cli.planning import planned
from otelkit._version import __version__
from otelkit.health.faults import Fault, read_faults
from otelkit.model.blueprint import PluginRecord, PluginState

_COLOURS: Final = {PluginState.ACTIVE: "green", PluginState.FAILED: "red", PluginState.DENIED: "yellow"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the plugins as JSON.")
def command(as_json: bool) -> None:
    """Show what is plugged in, what each plugin offers, what failed and why.

    otelkit's own parts are plugins too; installed ones come after them. Faults are those that programs of this folder noted
    in the last seven days.
    """
    blueprint = planned()
    faults = read_faults(Path(blueprint.settings.text("store_dir")))
    if as_json:
        plugins = [_as_json(plugin, _faults_of(plugin, faults, blueprint.plugins)) for plugin in blueprint.plugins]
        click.echo(json.dumps({"plugins": plugins}, indent=2))
        return
    for plugin in blueprint.plugins:
        _print(plugin, _faults_of(plugin, faults, blueprint.plugins))


def _faults_of(plugin: PluginRecord, faults: Iterable[Fault], all_plugins: Iterable[PluginRecord]) -> list[Fault]:
    """Return the faults of what this plugin offers.

    What no plugin of a distribution offers now, because it has changed or is left out, is a fault of those of its plugins
    that offer nothing.
    """
    offered = _offered(plugin)
    claimed = {name for other in all_plugins if other.distribution == plugin.distribution for name in _offered(other)}
    return [
        fault
        for fault in faults
        if fault.distribution == plugin.distribution
        and (_part(fault) in offered or (plugin.distribution and not offered and _part(fault) not in claimed))
    ]


def _offered(plugin: PluginRecord) -> set[str]:
    return {name for names in plugin.offers.values() for name in names}


def _part(fault: Fault) -> str:
    """The offered name in a barrier's: ``seen`` of ``observer seen``."""
    return fault.name.partition(" ")[2]


def _as_json(plugin: PluginRecord, faults: Sequence[Fault]) -> dict[str, Any]:  # Any: JSON
    return {
        "name": plugin.name,
        "distribution": plugin.distribution or "otelkit",
        "version": plugin.version or (None if plugin.distribution else __version__),
        "state": plugin.state.value,
        "offers": {hook: list(names) for hook, names in plugin.offers.items()},
        "error": plugin.error,
        "faults": [
            {
                "name": fault.name,
                "count": fault.count,
                "cause": fault.cause,
                "when": fault.when,
                "switched_off": fault.switched_off,
            }
            for fault in faults
        ],
    }


def _print(plugin: PluginRecord, faults: Sequence[Fault]) -> None:
    state = click.style(f"{plugin.state.value:<8}", fg=_COLOURS[plugin.state])
    origin = f"  {plugin.distribution} {plugin.version or ''}".rstrip() if plugin.distribution else ""
    click.echo(f"{state}{click.style(plugin.name, bold=True)}{origin}")
    for hook, names in plugin.offers.items():
        if names:
            click.echo(paragraph(f"{hook.removeprefix('otelkit_').replace('_', ' ')}: {', '.join(names)}", indent=8))
    if plugin.error:
        click.echo(paragraph(plugin.error, indent=8))
    for fault in faults:
        off = "; switched off there" if fault.switched_off else ""
        click.echo(paragraph(f"{fault.name} failed at run time ({fault.count}×{off}): {fault.cause}", indent=8))
