"""Settings + plugins → Blueprint. Touches nothing outside itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Final

from otelkit._assembly.processors import installed_processors
from otelkit.errors import TargetError
from otelkit.model.blueprint import Blueprint, Offered
from otelkit.model.checks import Finding, Severity
from otelkit.model.steps import SpanStep
from otelkit.model.targets import StageTarget
from otelkit.plugin.loading import Candidate, FindEntryPoints, builtin_candidates, installed_candidates
from otelkit.plugin.manager import Plugins
from otelkit.settings import FileSource, Setting, Settings, read_settings_file, resolve

# Needed before any plugin is loaded; declared again, with everything else, by the built-in settings plugin.
_LOADING: Final = (
    Setting("plugins_allow", "list", (), ""),
    Setting("plugins_deny", "list", (), ""),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A Blueprint and the plugins behind it, which are told when it is installed."""

    blueprint: Blueprint
    plugins: Plugins


def load_plugins(
    env: Mapping[str, str],
    file: FileSource,
    code: Mapping[str, object],
    extra: Iterable[Candidate] = (),
    find_entry_points: FindEntryPoints = entry_points,
) -> Plugins:
    """Load otelkit's own plugins, then the installed ones, then ``extra`` ones handed over in code."""
    early = resolve(_LOADING, env=env, file=file, code=code, complete=False)
    plugins = Plugins()
    plugins.load(
        (
            *builtin_candidates(),
            *installed_candidates(find_entry_points),
            *installed_processors(find_entry_points),
            *extra,
        ),
        allow=early.items_of("plugins_allow"),
        deny=early.items_of("plugins_deny"),
    )
    return plugins


def plan(
    *,
    env: Mapping[str, str] | None = None,
    file: FileSource | None = None,
    code: Mapping[str, object] | None = None,
    extra: Iterable[Candidate] = (),
    find_entry_points: FindEntryPoints = entry_points,
) -> Plan:
    """Return what would be installed.

    Args:
        env: The environment; None: this process's.
        file: The settings file; None: the nearest one.
        code: Settings given in code.
        extra: Plugins handed over in code.
        find_entry_points: Finds installed plugins.
    """
    env = os.environ if env is None else env
    file = read_settings_file() if file is None else file
    code = code or {}
    plugins = load_plugins(env, file, code, extra, find_entry_points)
    plugins.ask("otelkit_settings")
    settings = resolve([offer.value for _, offer in plugins.offered("otelkit_settings")], env=env, file=file, code=code)
    for hook in ("otelkit_metrics", "otelkit_describers", "otelkit_commands"):
        plugins.ask(hook)
    for hook in (
        "otelkit_samplers",
        "otelkit_span_steps",
        "otelkit_call_observers",
        "otelkit_stage_targets",
        "otelkit_health_checks",
        "otelkit_stores",
    ):
        plugins.ask(hook, settings=settings)
    targets, wrong_targets = _targets(plugins, settings)
    findings = (*_setting_findings(settings), *wrong_targets, *_plugin_findings(plugins))
    return Plan(
        Blueprint(
            settings=settings,
            plugins=plugins.records(),
            steps=_steps(plugins),
            observers=tuple(
                offer for _, offer in sorted(plugins.offered("otelkit_call_observers"), key=lambda pair: pair[0])
            ),
            samplers=dict(plugins.offered("otelkit_samplers")),
            describers=dict(plugins.offered("otelkit_describers")),
            metrics=dict(plugins.offered("otelkit_metrics")),
            targets=targets,
            checks=tuple(
                offer for _, offer in sorted(plugins.offered("otelkit_health_checks"), key=lambda pair: pair[0])
            ),
            commands=dict(plugins.offered("otelkit_commands")),
            stores=dict(plugins.offered("otelkit_stores")),
            findings=findings,
        ),
        plugins,
    )


def _steps(plugins: Plugins) -> tuple[Offered[SpanStep], ...]:
    offers: list[Offered[Any]] = [offer for _, offer in plugins.offered("otelkit_span_steps")]
    return tuple(sorted(offers, key=lambda offer: (offer.value.phase, offer.value.name)))


def parse_target(text: str, source: str) -> StageTarget:
    """Parse ``module:pattern``.

    Raises:
        TargetError: It has another form.
    """
    module, colon, pattern = (part.strip() for part in text.partition(":"))
    parts = pattern.split(".")
    names = parts[:-1] if parts[-1] == "*" else parts
    well_formed = (
        colon
        and module
        and pattern
        and all(part.isidentifier() for part in module.split("."))
        and all(part.isidentifier() for part in names)
    )
    if not well_formed:
        raise TargetError(
            f"stages has {text!r} (from {source}); expected `module:function`, `module:Class.method`, "
            "`module:Class.*` or `module:*`. Correct or remove it; the other stages work on.",
            target=text,
        )
    return StageTarget(module, pattern, source)


def _targets(plugins: Plugins, settings: Settings) -> tuple[tuple[StageTarget, ...], list[Finding]]:
    targets: list[StageTarget] = []
    findings: list[Finding] = []
    for text in settings.items_of("stages"):
        try:
            targets.append(parse_target(text, settings.sources["stages"]))
        except TargetError as error:
            findings.append(
                Finding(
                    "target.malformed", Severity.ERROR, str(error), "It names nothing to instrument.", "Correct it."
                )
            )
    targets += [offer.value for _, offer in plugins.offered("otelkit_stage_targets")]
    return tuple(dict.fromkeys(targets)), findings


def _setting_findings(settings: Settings) -> list[Finding]:
    return [
        Finding("setting.wrong", Severity.ERROR, mistake, "The value is not used.", "Correct it where it is set.")
        for mistake in settings.mistakes
    ]


def _plugin_findings(plugins: Plugins) -> list[Finding]:
    return [
        Finding(
            "plugin.left_out",
            Severity.ERROR,
            str(error),
            "What it offers is missing.",
            "Mend, update or uninstall it, or name it in the setting plugins_deny.",
        )
        for error in plugins.errors
    ]
