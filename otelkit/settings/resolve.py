"""Fold defaults < file < environment < code into one immutable `Settings`; report all mistakes at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from otelkit.settings.declare import ENV_PREFIX, Setting, SettingValue
from otelkit.settings.nearest import nearest
from otelkit.settings.sources import FileSource

_CODE: Final = "code"


@dataclass(frozen=True, slots=True, repr=False)
class Settings(Mapping[str, SettingValue]):
    """Every setting's value and where it came from. ``settings["exit_limit_s"]``, or typed: ``settings.number(...)``."""

    declared: Mapping[str, Setting]
    in_force: Mapping[str, SettingValue]
    sources: Mapping[str, str]
    """Name -> ``default``, ``environment``, ``code`` or the file."""
    mistakes: tuple[str, ...] = ()
    """One sentence for each wrong value; the default is in force instead."""
    mistakes_in_code: tuple[str, ...] = ()
    """Those of them that were made in code, for which `otelkit.configure` raises."""
    given: frozenset[str] = frozenset()
    """Names that somebody has set, whether or not the value could be used."""

    def __repr__(self) -> str:
        # Given to every plugin, which may log it: a secret stays one.
        return f"Settings({', '.join(f'{name}={self.declared[name].shown(self[name])}' for name in self)})"

    def __getitem__(self, name: str) -> SettingValue:
        return self.in_force[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.in_force)

    def __len__(self) -> int:
        return len(self.in_force)

    def text(self, name: str) -> str:
        """Return a text setting; "" where it is not set."""
        value = self.in_force[name]
        return "" if value is None else str(value)

    def flag(self, name: str) -> bool:
        """Return a yes/no setting."""
        return bool(self.in_force[name])

    def number(self, name: str) -> float:
        """Return a numeric setting in its declared unit."""
        value = self.in_force[name]
        assert isinstance(value, int | float), name
        return float(value)

    def whole(self, name: str) -> int:
        """Return a whole-number setting in its declared unit."""
        return int(self.number(name))

    def items_of(self, name: str) -> tuple[str, ...]:
        """Return a list setting."""
        value = self.in_force[name]
        return value if isinstance(value, tuple) else ()


def resolve(
    declared: Iterable[Setting],
    *,
    env: Mapping[str, str],
    file: FileSource | None = None,
    code: Mapping[str, object] | None = None,
    complete: bool = True,
) -> Settings:
    """Return the settings in force.

    Args:
        declared: All settings known so far.
        env: The environment.
        file: What the settings file says.
        code: Keywords given to ``otelkit.configure``.
        complete: Whether ``declared`` is everything, so that an unknown name is a mistake.
    """
    settings = {setting.name: setting for setting in declared}
    file = file or FileSource()
    code = code or {}
    values: dict[str, SettingValue] = {}
    sources: dict[str, str] = {}
    mistakes: list[str] = list(file.mistakes)
    in_code: list[str] = []
    named: set[str] = set()
    for setting in settings.values():
        values[setting.name], sources[setting.name] = setting.default, "default"
        for raw, source in _given(setting, env, file, code):
            named.add(setting.name)
            try:
                values[setting.name], sources[setting.name] = setting.parse(raw), source
            except (ValueError, OverflowError):
                said = f"{setting.name} is {setting.shown(raw)} (from {source}); expected {setting.expected}."
                if source == _CODE:
                    # Refused there, whatever would be in force.
                    in_code.append(f"{said} Correct it where it is given.")
                else:
                    mistakes.append(f"{said} {setting.shown(values[setting.name])} is used until it is corrected.")
    if complete:
        mistakes += _unknown(settings, env, file)
        in_code += [
            f"{key} was given in code, but there is no such setting. {_nearest(key, settings)}"
            for key in code
            if key not in settings
        ]
    return Settings(settings, values, sources, (*mistakes, *in_code), tuple(in_code), frozenset(named))


def _given(
    setting: Setting, env: Mapping[str, str], file: FileSource, code: Mapping[str, object]
) -> Iterator[tuple[object, str]]:
    """Yield the given values, the weakest source first."""
    if setting.name in file.values:
        yield file.values[setting.name], f"{setting.name} in {file.where}"
    for variable in (*reversed(setting.aliases), setting.env):
        # An empty variable counts as unset, as OpenTelemetry's specification asks.
        if env.get(variable, "") != "":
            yield env[variable], variable
    if setting.name in code:
        yield code[setting.name], _CODE


def _unknown(settings: Mapping[str, Setting], env: Mapping[str, str], file: FileSource) -> Iterator[str]:
    by_env = {setting.env: setting for setting in settings.values()}
    for variable in sorted(env):
        if variable.startswith(ENV_PREFIX) and variable not in by_env:
            yield f"{variable} is set in the environment, but there is no such setting. {_nearest(variable, by_env)}"
    for key in file.values:
        if key not in settings:
            yield f"{key} is set in {file.where}, but there is no such setting. {_nearest(str(key), settings)}"


def _nearest(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f"Did you mean {close}?" if close else "`otelkit plan` lists all settings."
