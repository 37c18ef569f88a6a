"""``OTEL_CONFIG_FILE``: OpenTelemetry's declarative configuration, with our settings under ``distribution.otelkit``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from otelkit.settings import FileSource

_log = logging.getLogger("otelkit.settings")

VARIABLE: Final = "OTEL_CONFIG_FILE"
_WHERE: Final = "distribution.otelkit"
_DELEGATES: Final = (
    "remote_parent_sampled",
    "remote_parent_not_sampled",
    "local_parent_sampled",
    "local_parent_not_sampled",
)


@dataclass(frozen=True, slots=True)
class FileSampler:
    """The sampler in a configuration file."""

    name: str | None
    """None: one of OpenTelemetry's own, which it makes itself."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Given to it by name there; OpenTelemetry passes them on to nobody."""
    parent_based: bool = False
    """Whether it is the root of ``parent_based``, with nothing else in that."""


class ConfigFile:
    """A declarative configuration file that was read and found well-formed."""

    def __init__(self, path: Path, model: Any) -> None:  # Any: opentelemetry-configuration has no type hints
        self.path = path
        self._model = model

    @property
    def settings(self) -> FileSource:
        """Our settings in the file."""
        distribution = getattr(self._model, "distribution", None)
        values = distribution.get("otelkit") if isinstance(distribution, Mapping) else None
        where = f"{_WHERE} in {self.path}"
        if values is None:
            return FileSource(self.path, where)
        if not isinstance(values, Mapping):
            return FileSource(self.path, where, {}, (f"{where} is not a table; expected settings and values.",))
        return FileSource(self.path, where, dict(values))

    @property
    def disabled(self) -> bool:
        """Whether the file switches everything off."""
        return bool(getattr(self._model, "disabled", False))

    @property
    def sampler(self) -> FileSampler | None:
        """The sampler that the file names; None if it leaves the choice to others."""
        provider = getattr(self._model, "tracer_provider", None)
        config = getattr(provider, "sampler", None)
        if config is None:
            return None
        parents = getattr(config, "parent_based", None)
        if parents is not None and not any(getattr(parents, delegate, None) is not None for delegate in _DELEGATES):
            return FileSampler(*_component(getattr(parents, "root", None)), parent_based=True)
        return FileSampler(*_component(config))

    def leave_out_sampler(self) -> None:
        """Have `apply` take OpenTelemetry's default sampler, whatever the file names."""
        self._model.tracer_provider.sampler = None

    def apply(self) -> bool:
        """Set the providers that the file describes; on an error say so and return False."""
        from opentelemetry.configuration import configure_sdk

        try:
            configure_sdk(self._model)
        except Exception as error:  # noqa: BLE001 - it builds whatever the file names
            _log.error(
                "%s names %s, which could not be applied: %s: %s. What it describes is not set up; "
                "correct the file or unset %s.",
                VARIABLE, self.path, type(error).__name__, error, VARIABLE,
            )  # fmt: skip
            return False
        return True


def _component(config: object) -> tuple[str | None, Mapping[str, object]]:
    """Return the name that a plugin has given to a part of the file, and the settings below it."""
    named = getattr(config, "additional_properties", None) or {}
    name = next(iter(named), None)
    given = named[name] if name is not None else None
    return name, dict(given) if isinstance(given, Mapping) else {}


def read_config_file(env: Mapping[str, str]) -> ConfigFile | None:
    """Return the file that ``OTEL_CONFIG_FILE`` names; None if it names none, or one that can't be used (it is said why)."""
    name = env.get(VARIABLE, "").strip()
    if not name:
        return None
    try:
        from opentelemetry.configuration import load_config_file
    except ImportError:
        _log.error(
            "%s is set, but the package opentelemetry-configuration is not installed. The OTEL_* variables are used. "
            "Install the extra: pip install 'otelkit[config-file]'.", VARIABLE,
        )  # fmt: skip
        return None
    try:
        return ConfigFile(Path(name), load_config_file(name))
    except Exception as error:  # noqa: BLE001 - a parser of foreign input
        _log.error(
            "%s names %s, which could not be read: %s: %s. The OTEL_* variables are used; correct the file.",
            VARIABLE, name, type(error).__name__, error,
        )  # fmt: skip
        return None
