"""``otelkit plan``: what would be installed in a program started here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from otelkit._cli.paragraphs import paragraph
from otelkit._cli.planning import planned
from otelkit.model.blueprint import Blueprint, Offered, SamplerChoice
from otelkit.model.targets import StageTarget
from otelkit.settings import Setting, Settings, SettingValue

_HIDDEN = "(hidden)"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def command(as_json: bool) -> None:
    """Show what would be installed in a program started here.

    Every setting with its value, unit and source; the steps that spans pass, in order; samplers, stage targets, observers,
    describers and metrics. Nothing is installed, and none of your program's modules is imported.
    """
    blueprint = planned()
    if as_json:
        click.echo(json.dumps(_as_json(blueprint), indent=2))
    else:
        _print(blueprint)


def _as_json(blueprint: Blueprint) -> dict[str, Any]:  # Any: JSON
    settings: Settings = blueprint.settings
    choice = blueprint.sampler
    return {
        "settings": [
            {
                "name": name,
                "env": setting.env,
                "value": _HIDDEN if setting.secret and settings[name] else settings[name],
                "unit": setting.unit,
                "type": setting.kind,
                "source": settings.sources[name],
            }
            for name, setting in settings.declared.items()
        ],
        "steps": [{"name": o.value.name, "phase": o.value.phase.name, **_origin(o)} for o in blueprint.steps],
        "samplers": [
            {"name": name, "selected": _is_selected(name, choice), **_origin(offer)}
            for name, offer in blueprint.samplers.items()
        ],
        "sampler": None if choice is None else asdict(choice),
        "targets": [
            {"target": t.text, "source": t.source, "name": t.name, "pipeline": t.pipeline, "item": t.item}
            for t in blueprint.targets
        ],
        "observers": [{"name": o.value.name, **_origin(o)} for o in blueprint.observers],
        "describers": [{"type": name, **_origin(offer)} for name, offer in blueprint.describers.items()],
        "metrics": [
            {"name": name, "kind": o.value.kind, "unit": o.value.unit, **_origin(o)}
            for name, o in blueprint.metrics.items()
        ],
        "stores": [{"name": name, **_origin(offer)} for name, offer in blueprint.stores.items()],
        "checks": [{"name": o.value.name, **_origin(o)} for o in blueprint.checks],
        "findings": [{"id": finding.id, "what": finding.what} for finding in blueprint.findings],
    }


def _origin(offer: Offered[Any]) -> dict[str, str | None]:  # Any: whatever is offered
    return {"plugin": offer.plugin, "distribution": offer.distribution}


def _is_selected(name: str, choice: SamplerChoice | None) -> bool:
    return choice is not None and choice.name in (name, name.lower())


def _print(blueprint: Blueprint) -> None:
    settings: Settings = blueprint.settings
    _heading("Settings")
    _table(
        [
            (name, _shown(setting, settings[name]), setting.unit, settings.sources[name])
            for name, setting in settings.declared.items()
        ]
    )
    click.echo()
    click.echo(paragraph("Set one with the variable OTEL_PYTHON_OTELKIT_<NAME>, or in otelkit.toml.", indent=2))
    _heading("Steps that ended spans pass, in order")
    _table([(o.value.phase.name, o.value.name, _by(o)) for o in blueprint.steps])
    _heading("Samplers")
    choice = blueprint.sampler
    _table([(name, _by(offer), "selected" * _is_selected(name, choice)) for name, offer in blueprint.samplers.items()])
    if choice is not None:
        argument = f", OTEL_TRACES_SAMPLER_ARG={choice.argument}" if choice.argument else ""
        said = f"Asked for is {choice.name} ({choice.source}{argument}). In force is {choice.description}."
        click.echo(paragraph(said, indent=2))
        if choice.source == "default":
            click.echo(paragraph("Select one with OTEL_TRACES_SAMPLER, or the setting sampler.", indent=2))
    _heading("Stage targets")
    _table([(target.text, _details(target), target.source) for target in blueprint.targets])
    _heading("Observers of stage calls")
    _table([(o.value.name, _by(o)) for o in blueprint.observers])
    _heading("Metrics")
    _table([(name, o.value.kind, o.value.unit, _by(o)) for name, o in blueprint.metrics.items()])
    _heading("Described types of arguments")
    _print_describers(blueprint.describers)
    if blueprint.findings:
        _heading("Left out")
        for finding in blueprint.findings:
            click.echo(paragraph(finding.what, indent=2))
        click.echo(paragraph("`otelkit doctor` says what to do.", indent=2))


def _print_describers(describers: Mapping[str, Offered[Any]]) -> None:  # Any: describers are called elsewhere
    by_plugin: dict[str, list[str]] = {}
    for name, offer in describers.items():
        by_plugin.setdefault(offer.plugin, []).append(name)
    if not by_plugin:
        click.echo("  none")
    for plugin, names in by_plugin.items():
        click.echo(paragraph(f"{plugin}: {', '.join(sorted(names))}", indent=2))


def _heading(text: str) -> None:
    click.echo(("" if text == "Settings" else "\n") + click.style(text, bold=True))


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows in columns as wide as their longest cell; the last one is never padded."""
    if not rows:
        click.echo("  none")
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo(("  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))).rstrip())


def _shown(setting: Setting, value: SettingValue) -> str:
    if setting.secret and value:
        return _HIDDEN
    match value:
        case None | "" | ():
            return "-"
        case bool():
            return "true" if value else "false"
        case tuple():
            return _shortened(", ".join(value))
        case _:
            return _shortened(str(value))


def _shortened(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _details(target: StageTarget) -> str:
    parts: Iterable[tuple[str, str | None]] = (
        ("name", target.name),
        ("pipeline", target.pipeline),
        ("item", target.item),
    )
    return " ".join(f"{key}={value}" for key, value in parts if value)


def _by(offer: Offered[Any]) -> str:  # Any: whatever is offered
    return f"{offer.plugin} ({offer.distribution})" if offer.distribution else offer.plugin
