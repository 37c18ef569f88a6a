"""Load plugins, ask their hooks one plugin at a time, and keep account of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

import pluggy

from otelkit.errors import NameClashError, PluginError, UnknownHookError
from otelkit.model.blueprint import Offered, PluginRecord, PluginState
from otelkit.model.checks import HealthCheck
from otelkit.model.commands import CommandSpec
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver
from otelkit.model.steps import SpanStep
from otelkit.model.targets import StageTarget
from otelkit.plugin import specs
from otelkit.plugin.loading import Candidate
from otelkit.settings.declare import Setting
from otelkit.settings.nearest import nearest

_log = logging.getLogger("otelkit.plugin")


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a hook must return."""

    mapping: bool
    kind: type | None
    """Type of each item or mapped value; None: anything callable (or any value, for mappings of factories)."""
    unique: bool = True
    """Whether two plugins may not offer the same name."""


_SHAPES: Final[Mapping[str, _Shape]] = {
    "otelkit_settings": _Shape(False, Setting),
    "otelkit_metrics": _Shape(False, MetricSpec),
    "otelkit_samplers": _Shape(True, None),
    "otelkit_span_steps": _Shape(False, SpanStep),
    "otelkit_call_observers": _Shape(False, CallObserver),
    "otelkit_describers": _Shape(True, None),
    "otelkit_stage_targets": _Shape(False, StageTarget, unique=False),
    "otelkit_health_checks": _Shape(False, HealthCheck),
    "otelkit_artifacts": _Shape(True, str),
    "otelkit_stores": _Shape(True, None),
    "otelkit_commands": _Shape(False, CommandSpec),
}

_METHODS: Final = (FunctionType, MethodType, classmethod, staticmethod)
"""What can be a hook."""

HOOKS: Final[tuple[str, ...]] = (*_SHAPES, "otelkit_installed")
"""Every hook there is."""


@dataclass(slots=True)
class _Member:
    """One plugin while planning."""

    candidate: Candidate
    plugin: Any = None  # Any: a module or any object with hookimpls
    state: PluginState = PluginState.ACTIVE
    error: str | None = None
    offers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    answers: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """For messages."""
        dist = self.candidate.distribution
        return f"plugin {self.candidate.name}" + (f" (distribution {dist})" if dist else "")


class _Manager(pluggy.PluginManager):
    """Looks only at the functions of modules: what they import besides is no hook, and asking costs 25 µs a name."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> pluggy.HookimplOpts | None:  # Any: see `_Member`
        if type(plugin) is ModuleType and not issubclass(type(vars(plugin).get(name)), _METHODS):
            return None
        return super().parse_hookimpl_opts(plugin, name)


class Plugins:
    """All plugins of a process and what they offer. Not thread-safe; used while planning only."""

    def __init__(self) -> None:
        self._pluggy = _Manager(specs.PROJECT)
        self._pluggy.add_hookspecs(specs)
        self._members: list[_Member] = []
        self._taken: dict[tuple[str, str], _Member] = {}
        self.errors: list[PluginError] = []
        """Why plugins were left out, oldest first."""

    # -- loading ---------------------------------------------------------------------------------------------------

    def load(self, candidates: Iterable[Candidate], *, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> None:
        """Import each candidate and register its hooks.

        Args:
            candidates: In the order in which clashes are decided: who comes first keeps a name.
            allow: If not empty, only these plugins (and otelkit's own) are loaded.
            deny: Never loaded. Otelkit's own can be denied too.
        """
        allowed, denied = frozenset(allow), frozenset(deny)
        for candidate in candidates:
            member = _Member(candidate)
            self._members.append(member)
            if candidate.name in denied:
                member.state, member.error = PluginState.DENIED, "named in the setting plugins_deny"
            elif allowed and not candidate.builtin and candidate.name not in allowed:
                member.state, member.error = PluginState.DENIED, "not named in the setting plugins_allow"
            else:
                self._load_one(member)

    def _load_one(self, member: _Member) -> None:
        try:
            plugin = member.candidate.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may raise anything at import
            self._fail(member, f"{member.title} could not be imported: {type(error).__name__}: {error}")
            return
        if isinstance(plugin, type):
            self._fail(member, f"{member.title} is the class {plugin.__qualname__}; expected a module or an object.")
            return
        try:
            problem = _misnamed_hook(plugin)
            if problem:
                self._fail(member, f"{member.title} {problem}", UnknownHookError)
                return
            self._pluggy.register(plugin, name=member.candidate.name)
        except Exception as error:  # noqa: BLE001 - besides pluggy's refusals: looking at a stranger's object runs its code
            self._fail(member, f"{member.title} was refused: {type(error).__name__}: {error}")
            return
        member.plugin = plugin

    # -- asking ----------------------------------------------------------------------------------------------------

    def ask(self, hook: str, **arguments: Any) -> None:  # Any: hooks differ in what they are given
        """Call ``hook`` of every active plugin, one by one, and keep the answers."""
        shape = _SHAPES[hook]
        for member in self._active():
            for call in self._implementations(hook, member):
                try:
                    answer = _named(call(**arguments), shape)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's hook may raise anything
                    self._fail(member, f"{member.title} failed in {hook}: {type(error).__name__}: {error}")
                    break
                clash = self._claim(hook, member, answer) if shape.unique else None
                if clash:
                    self._fail(member, clash[0], NameClashError, other=clash[1])
                    break
                member.answers[hook] = answer
                member.offers[hook] = tuple(name for name, _ in answer)

    def tell_installed(self, report: object) -> None:
        """Call ``otelkit_installed`` of every active plugin; failures are logged, nothing else changes."""
        for member in self._active():
            for call in self._implementations("otelkit_installed", member):
                try:
                    call(report=report)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's hook may raise anything
                    _log.warning("%s failed in otelkit_installed: %s: %s", member.title, type(error).__name__, error)

    def offered(self, hook: str) -> list[tuple[str, Offered[Any]]]:
        """Return what the active plugins answered to ``hook``: (name, offer) pairs in the order of loading."""
        return [
            (name, Offered(member.candidate.name, member.candidate.distribution, value))
            for member in self._active()
            for name, value in member.answers.get(hook, ())
        ]

    def records(self) -> tuple[PluginRecord, ...]:
        """Return the account of every plugin."""
        return tuple(
            PluginRecord(
                name=member.candidate.name,
                distribution=member.candidate.distribution,
                version=member.candidate.version,
                state=member.state,
                offers={} if member.state is not PluginState.ACTIVE else dict(member.offers),
                error=member.error,
            )
            for member in self._members
        )

    # -- inside ----------------------------------------------------------------------------------------------------

    def _active(self) -> Iterator[_Member]:
        return (member for member in list(self._members) if member.state is PluginState.ACTIVE)

    def _implementations(self, hook: str, member: _Member) -> Iterator[Callable[..., Any]]:
        for implementation in getattr(self._pluggy.hook, hook).get_hookimpls():
            if implementation.plugin is member.plugin:
                wanted = implementation.argnames
                function = implementation.function

                def call(_function: Any = function, _wanted: Any = wanted, **given: Any) -> Any:
                    return _function(*(given[name] for name in _wanted))

                yield call

    def _claim(self, hook: str, member: _Member, answer: list[tuple[str, Any]]) -> tuple[str, str] | None:
        """Reserve the names; on a clash return the message and the other plugin's name."""
        for name, _ in answer:
            holder = self._taken.get((hook, name))
            if holder is not None and holder.state is PluginState.ACTIVE:
                return (
                    f"{member.title} and {holder.title} both offer {name!r} ({hook}). {holder.candidate.name} keeps it; "
                    f"{member.candidate.name} is left out. Rename one, or deny one with the setting plugins_deny.",
                    holder.candidate.name,
                )
        for name, _ in answer:
            self._taken[hook, name] = member
        return None

    def _fail(self, member: _Member, message: str, kind: type[PluginError] = PluginError, **more: str) -> None:
        member.state, member.error = PluginState.FAILED, message
        error = kind(message, plugin=member.candidate.name, distribution=member.candidate.distribution, **more)
        self.errors.append(error)
        sentence = message if message.endswith((".", "?", "!")) else message + "."
        _log.warning("%s It is left out; everything else works on.", sentence)


def _misnamed_hook(plugin: Any) -> str | None:
    """Say what is wrong with the plugin's hook functions, if anything."""
    for name in dir(plugin):
        if not name.startswith("otelkit_"):
            continue
        value = getattr(plugin, name, None)
        if not callable(value):
            continue
        if name not in HOOKS:
            close = nearest(name, HOOKS)
            hint = f"Did you mean {close}?" if close else f"The hooks are: {', '.join(HOOKS)}."
            return f"implements {name}, but there is no such hook. {hint}"
        options = getattr(value, f"{specs.PROJECT}_impl", None)
        if options is None:
            return f"defines {name} without @otelkit.hookimpl, so it would never be called. Add the decorator."
        if options.get("hookwrapper") or options.get("wrapper"):
            return f"implements {name} as a hook wrapper; hooks of otelkit return data and can't be wrapped."
    return None


def _named(answer: Any, shape: _Shape) -> list[tuple[str, Any]]:
    """Turn a hook's answer into (name, value) pairs, or raise TypeError saying what was expected."""
    if answer is None:
        return []
    if shape.mapping:
        if not isinstance(answer, Mapping):
            raise TypeError(f"expected a mapping from name to value, got {type(answer).__name__}")
        pairs = list(answer.items())
    else:
        if isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable):
            raise TypeError(f"expected an iterable, got {type(answer).__name__}")
        pairs = [(_name_of(value), value) for value in answer]
    for name, value in pairs:
        if not isinstance(name, str) or not name:
            raise TypeError(f"{value!r} has no name")
        if shape.kind is not None and not isinstance(value, shape.kind):
            raise TypeError(f"expected {shape.kind.__name__}, got {type(value).__name__} for {name!r}")
        if shape.kind is None and not callable(value):
            raise TypeError(f"expected something callable for {name!r}, got {type(value).__name__}")
    names = [name for name, _ in pairs]
    twice = {name for name in names if names.count(name) > 1}
    if twice and shape.unique:
        raise TypeError(f"offers {', '.join(sorted(twice))} more than once")
    return pairs


def _name_of(value: Any) -> Any:
    return value.text if isinstance(value, StageTarget) else getattr(value, "name", None)
