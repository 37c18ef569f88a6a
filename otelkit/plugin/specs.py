"""The hooks. Each is called once, while planning; each returns data.

A plugin implements any of them, marks them with ``otelkit.hookimpl`` and is named in the entry-point group ``otelkit``.
It asks for the arguments it wants and leaves out the others. If any of its hooks raises, or returns something that is
not what the hook asks for, the plugin is left out whole; ``otelkit plugins`` and ``otelkit doctor`` name it and say why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

from otelkit.model.blueprint import SamplerFactory
from otelkit.model.checks import HealthCheck
from otelkit.model.commands import CommandSpec
from otelkit.model.describers import Describer
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver
from otelkit.model.steps import SpanStep
from otelkit.model.targets import StageTarget
from otelkit.settings.declare import Setting
from otelkit.settings.resolve import Settings

if TYPE_CHECKING:
    from otelkit.model.blueprint import Blueprint

PROJECT = "otelkit"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def otelkit_settings() -> Iterable[Setting]:
    """Declare the plugin's own settings.

    When: first, before all other hooks, so that their values are known when the others are called.
    Order: does not count.
    Failure: this plugin is left out whole; ``otelkit doctor`` names it and why.
    Returns: settings whose names start with the plugin's own name, or nothing.
    """
    return ()


@hookspec
def otelkit_metrics() -> Iterable[MetricSpec]:
    """Declare the metrics the plugin will record.

    When: once, while planning. The instruments are built when otelkit is installed and given to ``CallObserver.bind``.
    Order: does not count; a name that another plugin has declared is an error naming both.
    Failure: this plugin is left out whole; ``otelkit doctor`` names it and why.
    Returns: specs, or nothing.
    """
    return ()


@hookspec
def otelkit_samplers(settings: Settings) -> Mapping[str, SamplerFactory]:
    """Offer samplers, selectable by name in ``OTEL_TRACES_SAMPLER``, the setting ``sampler`` and ``OTEL_CONFIG_FILE``.

    When: once, while planning; the factory of the selected name is called once, when otelkit is installed.
    Order: does not count; a name that another plugin offers is an error naming both.
    Failure: this plugin is left out whole. A factory that raises (``SettingsError``: all mistakes) leaves the SDK's default.
    Returns: name -> factory, which takes ``OTEL_TRACES_SAMPLER_ARG`` as text (None if unset); or nothing.
    """
    return {}


@hookspec
def otelkit_span_steps(settings: Settings) -> Iterable[SpanStep]:
    """Offer steps that every ended span passes.

    When: once, while planning; never per span.
    Order: by ``Phase``, then by ``step.name``; registration order does not count.
    Failure: this plugin is left out whole; ``otelkit doctor`` names it and why.
    Returns: new steps with names of their own, or nothing.
    """
    return ()


@hookspec
def otelkit_call_observers(settings: Settings) -> Iterable[CallObserver]:
    """Offer objects that see every stage call, sampled or not.

    When: once, while planning; the objects are called for every stage call, in the user's thread.
    Order: by name.
    Failure: this plugin is left out whole; a fault of an observer later on is contained and counted.
    Returns: observers with names of their own, or nothing.
    """
    return ()


@hookspec
def otelkit_describers() -> Mapping[str, Describer]:
    """Offer describers: what to say of a stage's argument of some type.

    When: once, while planning. A describer runs when a recorded call has an argument of that type or a subtype.
    Order: the nearest type in the argument's ``__mro__`` wins; two describers of one type are an error naming both.
    Failure: this plugin is left out whole; a fault of a describer later on leaves the argument undescribed.
    Returns: full dotted type name (``numpy.ndarray``; the type is never imported for it) -> describer, or nothing.
    """
    return {}


@hookspec
def otelkit_stage_targets(settings: Settings) -> Iterable[StageTarget]:
    """Name functions to instrument without editing them.

    When: once, while planning; a target is wrapped when its module is first imported, and never imported early.
    Order: the user's own targets come first; a function is wrapped once.
    Failure: this plugin is left out whole. A target that matched nothing is named by ``otelkit doctor`` and at exit.
    Returns: targets, or nothing.
    """
    return ()


@hookspec
def otelkit_health_checks(settings: Settings) -> Iterable[HealthCheck]:
    """Offer checks that ``otelkit doctor`` runs.

    When: once, while planning; a check runs when somebody asks for it.
    Order: by name.
    Failure: this plugin is left out whole; a check that raises becomes a finding of its own.
    Returns: checks with names of their own, or nothing.
    """
    return ()


@hookspec
def otelkit_artifacts(catalogue: Mapping[str, Any]) -> Mapping[str, str]:
    """Offer generated files: parts of the Collector's configuration, rules, dashboards.

    When: once, while rendering; not when a program is instrumented.
    Order: does not count; a path that another plugin offers is an error naming both.
    Failure: this plugin is left out whole; ``otelkit doctor`` names it and why.
    Returns: relative path -> content, or nothing. ``catalogue`` has the declared metrics and attributes.
    """
    return {}


@hookspec
def otelkit_stores(settings: Settings) -> Mapping[str, Any]:
    """Offer query backends for ``otelkit runs``, ``trace`` and ``top``.

    When: once, while planning; the factory of the selected name (setting ``store``) is called when a command needs it.
    Order: does not count; a name that another plugin offers is an error naming both.
    Failure: this plugin is left out whole; ``otelkit doctor`` names it and why.
    Returns: name -> factory, which takes the settings and returns an ``otelkit.model.views.Reader``; or nothing.
    """
    return {}


@hookspec
def otelkit_commands() -> Iterable[CommandSpec]:
    """Offer commands of the ``otelkit`` program.

    When: when the program needs its list of commands; the command itself is imported when it is used.
    Order: does not count; a name that another plugin offers is an error naming both.
    Failure: this plugin is left out whole; ``otelkit plugins`` names it and why.
    Returns: commands, or nothing.
    """
    return ()


@hookspec
def otelkit_installed(report: Blueprint) -> None:
    """Learn that otelkit is installed in this process.

    When: once per process, last.
    Order: does not count.
    Failure: logged and counted, nothing else changes.
    Returns: nothing.
    """
