"""What a setting is: its name, type, unit, default and allowed range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from otelkit.settings.share import parse_share

ENV_PREFIX: Final = "OTEL_PYTHON_OTELKIT_"

SettingValue = bool | int | float | str | tuple[str, ...] | None

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, as a user sees it in the environment, a file, code or the reference page."""

    name: str
    """Lower case with underscores; the key in files and in ``otelkit.configure``."""
    kind: Literal["bool", "int", "float", "str", "list"]
    default: SettingValue
    meaning: str
    """One sentence."""
    unit: str = ""
    """``s``, ``bytes``, ``spans/s`` …, ``1`` for shares; empty where there is none."""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    """For strings: the only values allowed."""
    aliases: tuple[str, ...] = ()
    """Older environment variables that still work; the name proper wins."""
    secret: bool = False
    """Never printed."""
    optional: bool = False
    """An empty value means None."""

    @property
    def env(self) -> str:
        """The environment variable."""
        return ENV_PREFIX + self.name.upper()

    @property
    def expected(self) -> str:
        """What a value must be, for messages: ``a number from 0 to 1``."""
        if self.choices:
            named = ", ".join(choice for choice in self.choices if choice)
            return f"one of {named}, or nothing" if "" in self.choices else f"one of {named}"
        what = {
            "bool": "true or false",
            "int": "a whole number",
            "float": "a number",
            "str": "text",
            "list": "a list of texts (separated by commas in the environment)",
        }[self.kind]
        if self.minimum is not None and self.maximum is not None:
            what += f" from {self.minimum:.15g} to {self.maximum:.15g}"
        elif self.minimum is not None:
            what += f" of at least {self.minimum:.15g}"
        elif self.maximum is not None:
            what += f" of at most {self.maximum:.15g}"
        if self._is_share:
            return f"{what}, or a fraction like 1/20"
        # "a number of at least 0 (1)" would not be clearer.
        said = self.unit not in ("", "1") and self.kind in ("int", "float")
        return f"{what} ({self.unit})" if said else what

    def shown(self, value: object) -> str:
        """Return a value of this setting for people to read; a secret is hidden."""
        return "(hidden)" if self.secret and value else repr(value)

    def parse(self, raw: object) -> SettingValue:
        """Turn a raw value (text from the environment, or a typed value from a file or code) into this setting's type.

        Raises:
            ValueError: It is not what `expected` says. The message means nothing to users; the caller knows the source.
        """
        if raw is None or raw == "":
            if self.optional or self.kind == "list":
                return () if self.kind == "list" else None
            raise ValueError
        value = self._convert(raw)
        if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = self.minimum, self.maximum
            not_finite = isinstance(value, float) and not math.isfinite(value)
            if not_finite or (low is not None and value < low) or (high is not None and value > high):
                raise ValueError
        if self.choices and value not in self.choices:
            raise ValueError
        return value

    @property
    def _is_share(self) -> bool:
        return self.kind == "float" and self.unit == "1" and self.maximum == 1

    def _convert(self, raw: object) -> SettingValue:
        match self.kind:
            case "bool":
                return _to_bool(raw)
            case "int":
                return _to_int(raw)
            case "float":
                if isinstance(raw, bool) or not isinstance(raw, int | float | str):
                    raise ValueError
                return parse_share(raw) if isinstance(raw, str) and self._is_share else float(raw)
            case "str":
                if not isinstance(raw, str):
                    raise ValueError
                return raw.strip()
            case "list":
                return _to_list(raw)


def _to_bool(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip().lower() in _TRUE | _FALSE:
        return raw.strip().lower() in _TRUE
    raise ValueError


def _to_int(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError
    return int(raw)


def _to_list(raw: object) -> tuple[str, ...]:
    if isinstance(raw, str):
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if isinstance(raw, Sequence) and all(isinstance(part, str) for part in raw):
        return tuple(raw)
    raise ValueError
