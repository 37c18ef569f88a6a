"""Plugins are loaded and asked one by one; each failure is attributed and harms only its own plugin."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from otelkit.errors import NameClashError, PluginError, UnknownHookError
from otelkit.model.blueprint import PluginState
from otelkit.model.checks import HealthCheck
from otelkit.model.commands import CommandSpec
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver
from otelkit.model.steps import Phase, SpanStep
from otelkit.model.targets import StageTarget
from otelkit.plugin import Plugins, hookimpl
from otelkit.plugin.loading import Candidate
from otelkit.plugin.manager import HOOKS
from otelkit.settings import Setting, resolve

_SETTINGS = resolve([], env={})


def _candidate(plugin: object, name: str = "acme", *, builtin: bool = False) -> Candidate:
    return Candidate(name, None if builtin else f"{name}-otel", "1.0", lambda: plugin, builtin)


def _offering(**hooks: object) -> SimpleNamespace:
    """Return a plugin whose hooks (named without ``otelkit_``) return the given values."""

    def answering(hook: str, answer: object) -> Callable[[], object]:
        def implementation() -> object:
            return answer

        return hookimpl(specname=hook)(implementation)

    # The mark sets each apart: pluggy takes equal objects for one plugin.
    return SimpleNamespace(
        mark=object(), **{f"otelkit_{name}": answering(f"otelkit_{name}", answer) for name, answer in hooks.items()}
    )


def _loaded(*candidates: Candidate, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> Plugins:
    plugins = Plugins()
    plugins.load(candidates, allow=allow, deny=deny)
    return plugins


def _states(plugins: Plugins) -> dict[str, PluginState]:
    return {record.name: record.state for record in plugins.records()}


class _Step(SpanStep):
    phase = Phase.ENRICH

    def __init__(self, name: str) -> None:
        self.name = name


# -- every hook -------------------------------------------------------------------------------------------------------

_CheckedBy: Mapping[str, tuple[object, list[str], object]] = {
    "otelkit_settings": ([Setting("acme_rate", "float", 1.0, "")], ["acme_rate"], [3]),
    "otelkit_metrics": ([MetricSpec("acme.count", "counter", "1", "")], ["acme.count"], ["acme.count"]),
    "otelkit_samplers": ({"acme": lambda argument: None}, ["acme"], {"acme": "always"}),
    "otelkit_span_steps": ([_Step("mask")], ["mask"], [_Step]),
    "otelkit_call_observers": ([type("Seen", (CallObserver,), {"name": "seen"})()], ["seen"], ["seen"]),
    "otelkit_describers": ({"acme.Frame": lambda value: {}}, ["acme.Frame"], {1: print}),
    "otelkit_stage_targets": ([StageTarget("acme", "run")], ["acme:run"], ["acme:run"]),
    "otelkit_health_checks": ([HealthCheck("acme", lambda plan: ())], ["acme"], [lambda: ()]),
    "otelkit_artifacts": ({"rules/acme.yaml": "groups: []"}, ["rules/acme.yaml"], {"rules/acme.yaml": b""}),
    "otelkit_stores": ({"acme": lambda settings: None}, ["acme"], ["acme"]),
    "otelkit_commands": ([CommandSpec("acme", "acme:command", "")], ["acme"], "acme"),
}
"""Hook -> a right answer, the names in it, a wrong answer."""


def test_every_hook_that_returns_something_is_in_this_table() -> None:
    """A new hook comes with its test."""
    assert {*_CheckedBy, "otelkit_installed"} == set(HOOKS)


@pytest.mark.parametrize("hook", _CheckedBy)
def test_what_a_hook_returns_is_offered_under_its_name(hook: str) -> None:
    """And attributed to the plugin and its distribution."""
    answer, names, _ = _CheckedBy[hook]
    plugins = _loaded(_candidate(_offering(**{hook.removeprefix("otelkit_"): answer})))

    plugins.ask(hook, settings=_SETTINGS, catalogue={})

    offered = plugins.offered(hook)
    assert names == [name for name, _ in offered]
    assert {("acme", "acme-otel")} == {(offer.plugin, offer.distribution) for _, offer in offered}
    assert plugins.records()[0].offers == {hook: tuple(names)}


@pytest.mark.parametrize("hook", _CheckedBy)
def test_a_wrong_answer_leaves_the_plugin_out(hook: str) -> None:
    """The message names the hook, the plugin, its distribution and what was expected."""
    plugins = _loaded(_candidate(_offering(**{hook.removeprefix("otelkit_"): _CheckedBy[hook][2]})))

    plugins.ask(hook, settings=_SETTINGS, catalogue={})

    (record,) = plugins.records()
    assert record.state is PluginState.FAILED
    assert record.error is not None
    assert record.error.startswith(f"plugin acme (distribution acme-otel) failed in {hook}: TypeError: ")
    assert plugins.offered(hook) == []


@pytest.mark.parametrize("hook", _CheckedBy)
def test_nothing_is_a_right_answer(hook: str) -> None:
    """A hook may have nothing to offer today."""
    plugins = _loaded(_candidate(_offering(**{hook.removeprefix("otelkit_"): None})))

    plugins.ask(hook, settings=_SETTINGS, catalogue={})

    assert _states(plugins) == {"acme": PluginState.ACTIVE}


def test_a_hook_gets_only_the_arguments_it_asks_for() -> None:
    """So that arguments can be added without breaking anybody."""
    given: list[object] = []

    class Plugin:
        @hookimpl
        def otelkit_samplers(self, settings: object) -> None:
            given.append(settings)

        @hookimpl
        def otelkit_span_steps(self) -> None:
            given.append("nothing")

    plugins = _loaded(_candidate(Plugin()))
    plugins.ask("otelkit_samplers", settings=_SETTINGS)
    plugins.ask("otelkit_span_steps", settings=_SETTINGS)

    assert given == [_SETTINGS, "nothing"]


# -- failures ---------------------------------------------------------------------------------------------------------


def _raising(error: BaseException) -> Candidate:
    def load() -> object:
        raise error

    return Candidate("broken", "broken-otel", "1.0", load)


@pytest.mark.parametrize("error", [ImportError("no module"), RuntimeError("no"), SystemExit(3), SyntaxError("bad")])
def test_a_plugin_that_fails_at_import_harms_only_itself(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Those before and after it work on; it is named once, with its distribution and its cause."""
    plugins = _loaded(
        _candidate(_offering(commands=[CommandSpec("one", "a:b", "")]), "one"),
        _raising(error),
        _candidate(_offering(commands=[CommandSpec("two", "a:b", "")]), "two"),
    )
    plugins.ask("otelkit_commands")

    assert _states(plugins) == {
        "one": PluginState.ACTIVE,
        "broken": PluginState.FAILED,
        "two": PluginState.ACTIVE,
    }
    assert [name for name, _ in plugins.offered("otelkit_commands")] == ["one", "two"]
    (message,) = [record.getMessage() for record in caplog.records]
    assert f"plugin broken (distribution broken-otel) could not be imported: {type(error).__name__}: {error}" in message


def test_ctrl_c_while_loading_is_not_swallowed() -> None:
    """It is the user's, not the plugin's."""
    with pytest.raises(KeyboardInterrupt):
        _loaded(_raising(KeyboardInterrupt()))


def test_a_plugin_that_fails_in_one_hook_is_left_out_whole() -> None:
    """What it offered before is taken back: half a plugin is no plugin."""

    class Plugin:
        @hookimpl
        def otelkit_commands(self) -> list[CommandSpec]:
            return [CommandSpec("acme", "a:b", "")]

        @hookimpl
        def otelkit_span_steps(self) -> None:
            raise ValueError("no")

    plugins = _loaded(_candidate(Plugin()), _candidate(_offering(span_steps=[_Step("mask")]), "other"))
    plugins.ask("otelkit_commands")
    plugins.ask("otelkit_span_steps", settings=_SETTINGS)

    assert plugins.offered("otelkit_commands") == []
    assert [name for name, _ in plugins.offered("otelkit_span_steps")] == ["mask"]
    assert _states(plugins) == {"acme": PluginState.FAILED, "other": PluginState.ACTIVE}
    assert plugins.records()[0].offers == {}


def test_a_generator_that_raises_halfway_counts_as_a_failure() -> None:
    """What a hook yields is collected while it is asked."""

    class Plugin:
        @hookimpl
        def otelkit_span_steps(self) -> Iterable[SpanStep]:
            yield _Step("mask")
            raise ValueError("no")

    plugins = _loaded(_candidate(Plugin()))
    plugins.ask("otelkit_span_steps", settings=_SETTINGS)

    assert plugins.offered("otelkit_span_steps") == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("otelkit_span_step", "Did you mean otelkit_span_steps?"),
        ("otelkit_sampler", "Did you mean otelkit_samplers?"),
        ("otelkit_zzz", "The hooks are: otelkit_settings"),
    ],
)
def test_an_unknown_hook_is_an_error_that_names_the_nearest(name: str, hint: str) -> None:
    """A misspelt hook would never be called, and nobody would know."""
    plugins = _loaded(_candidate(SimpleNamespace(**{name: hookimpl(lambda: None)})))

    (error,) = plugins.errors
    assert isinstance(error, UnknownHookError)
    assert hint in str(error)
    assert (error.plugin, error.distribution) == ("acme", "acme-otel")


def test_a_hook_without_the_decorator_is_an_error() -> None:
    """It would never be called either."""
    plugins = _loaded(_candidate(SimpleNamespace(otelkit_commands=list)))

    assert "defines otelkit_commands without @otelkit.hookimpl" in str(plugins.errors[0])


def test_a_hook_wrapper_is_an_error() -> None:
    """Hooks return data; no plugin changes what another one offers."""

    def wrap() -> Any:
        yield

    plugins = _loaded(_candidate(SimpleNamespace(otelkit_commands=hookimpl(wrapper=True)(wrap))))

    assert "as a hook wrapper" in str(plugins.errors[0])


def test_an_argument_that_no_hook_has_is_an_error() -> None:
    """pluggy's own words, attributed."""

    class Plugin:
        @hookimpl
        def otelkit_commands(self, speed: int) -> None: ...

    plugins = _loaded(_candidate(Plugin()))

    assert "was refused" in str(plugins.errors[0])
    assert "speed" in str(plugins.errors[0])


def test_a_class_instead_of_an_object_is_an_error() -> None:
    """An entry point that names the class is the usual slip."""

    class Plugin: ...

    plugins = _loaded(_candidate(Plugin))

    assert "expected a module or an object" in str(plugins.errors[0])


def test_a_plugin_whose_attributes_raise_is_contained() -> None:
    """Looking at a stranger's object runs its code."""

    class Plugin:
        @property
        def otelkit_commands(self) -> None:
            raise RuntimeError("look away")

        @hookimpl
        def otelkit_span_steps(self) -> list[SpanStep]:
            return [_Step("mask")]

    plugins = _loaded(_candidate(Plugin()), _candidate(_offering(commands=[CommandSpec("x", "a:b", "")]), "other"))

    assert _states(plugins)["acme"] is PluginState.FAILED
    assert _states(plugins)["other"] is PluginState.ACTIVE


# -- names ------------------------------------------------------------------------------------------------------------


def test_two_plugins_offering_one_name_is_an_error_naming_both() -> None:
    """Who comes first keeps the name."""
    plugins = _loaded(
        _candidate(_offering(span_steps=[_Step("mask")]), "first"),
        _candidate(_offering(span_steps=[_Step("mask")]), "second"),
    )
    plugins.ask("otelkit_span_steps", settings=_SETTINGS)

    (error,) = plugins.errors
    assert isinstance(error, NameClashError)
    assert (error.plugin, error.other) == ("second", "first")
    assert "plugin second (distribution second-otel) and plugin first (distribution first-otel)" in str(error)
    assert [offer.plugin for _, offer in plugins.offered("otelkit_span_steps")] == ["first"]


def test_a_name_is_free_again_when_its_plugin_has_failed() -> None:
    """A broken plugin blocks nobody."""

    class Broken:
        @hookimpl
        def otelkit_commands(self) -> list[CommandSpec]:
            return [CommandSpec("x", "a:b", "")]

        @hookimpl
        def otelkit_samplers(self) -> None:
            raise ValueError("no")

    plugins = _loaded(_candidate(Broken(), "first"), _candidate(_offering(commands=[]), "second"))
    plugins.ask("otelkit_samplers", settings=_SETTINGS)
    late = Plugins()
    late.load([_candidate(Broken(), "first"), _candidate(_offering(commands=[CommandSpec("x", "a:b", "")]), "second")])
    late.ask("otelkit_samplers", settings=_SETTINGS)
    late.ask("otelkit_commands")

    assert [offer.plugin for _, offer in late.offered("otelkit_commands")] == ["second"]


def test_one_plugin_offering_a_name_twice_is_an_error() -> None:
    """Which of the two would count?"""
    plugins = _loaded(_candidate(_offering(span_steps=[_Step("mask"), _Step("mask")])))
    plugins.ask("otelkit_span_steps", settings=_SETTINGS)

    assert "offers mask more than once" in str(plugins.errors[0])


def test_two_plugins_may_name_the_same_target() -> None:
    """A function is wrapped once, whoever asks for it."""
    target = StageTarget("app", "run")
    plugins = _loaded(
        _candidate(_offering(stage_targets=[target]), "first"), _candidate(_offering(stage_targets=[target]), "second")
    )
    plugins.ask("otelkit_stage_targets", settings=_SETTINGS)

    assert plugins.errors == []


def test_a_nameless_step_is_an_error() -> None:
    """Its faults could not be attributed."""
    plugins = _loaded(_candidate(_offering(span_steps=[_Step("")])))
    plugins.ask("otelkit_span_steps", settings=_SETTINGS)

    assert "has no name" in str(plugins.errors[0])


def test_one_plugin_installed_twice_under_one_name_is_an_error() -> None:
    """Two distributions with an entry point of the same name."""
    plugins = _loaded(_candidate(_offering(commands=[])), _candidate(_offering(commands=[])))

    assert [record.state for record in plugins.records()] == [PluginState.ACTIVE, PluginState.FAILED]


# -- allow and deny ---------------------------------------------------------------------------------------------------


def test_a_denied_plugin_is_never_imported() -> None:
    """Also one of our own can be denied."""
    plugins = _loaded(_raising(RuntimeError("imported")), deny=["broken"])

    (record,) = plugins.records()
    assert (record.state, record.error) == (PluginState.DENIED, "named in the setting plugins_deny")
    assert plugins.errors == []


def test_with_an_allow_list_only_its_plugins_and_ours_are_loaded() -> None:
    """A deployment that names what it trusts."""
    plugins = _loaded(
        _candidate(_offering(), "otelkit.own", builtin=True),
        _candidate(_offering(), "trusted"),
        _candidate(_offering(), "other"),
        allow=["trusted"],
    )

    assert _states(plugins) == {
        "otelkit.own": PluginState.ACTIVE,
        "trusted": PluginState.ACTIVE,
        "other": PluginState.DENIED,
    }


def test_deny_wins_over_allow() -> None:
    """Saying no is the stronger word."""
    plugins = _loaded(_candidate(_offering(), "acme"), allow=["acme"], deny=["acme"])

    assert _states(plugins) == {"acme": PluginState.DENIED}


# -- installed --------------------------------------------------------------------------------------------------------


def test_every_active_plugin_is_told_once_that_otelkit_is_installed(caplog: pytest.LogCaptureFixture) -> None:
    """One that raises then is logged, and the others are told all the same."""
    told: list[object] = []

    class Raising:
        @hookimpl
        def otelkit_installed(self) -> None:
            raise ValueError("too late")

    class Listening:
        @hookimpl
        def otelkit_installed(self, report: object) -> None:
            told.append(report)

    plugins = _loaded(_candidate(Raising(), "raising"), _candidate(Listening(), "listening"))
    with caplog.at_level(logging.WARNING):
        plugins.tell_installed("the blueprint")

    assert told == ["the blueprint"]
    assert "plugin raising (distribution raising-otel) failed in otelkit_installed" in caplog.text
    assert _states(plugins)["raising"] is PluginState.ACTIVE


def test_errors_are_the_plugins_errors() -> None:
    """Catching `PluginError` catches them all."""
    assert issubclass(UnknownHookError, PluginError)
    assert issubclass(NameClashError, PluginError)
