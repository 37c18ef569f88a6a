"""Functions to instrument without editing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_GROUND: Final = frozenset(
    (
        "_queue",
        "_thread",
        "builtins",
        "collections",
        "contextvars",
        "functools",
        "itertools",
        "math",
        "queue",
        "random",
        "threading",
        "time",
        "weakref",
    )
)
_HOUSE: Final = frozenset({"otelkit", "opentelemetry"})


@dataclass(frozen=True, slots=True)
class StageTarget:
    """``module:pattern``, wrapped as stages when the module is first imported."""

    module: str
    """Dotted module name."""
    pattern: str
    """``name``, ``Class.method``, ``Class.*`` or ``*`` (functions defined in that module; names with ``_`` left out)."""
    source: str = "settings"
    """Who asked for it, for messages."""
    name: str | None = None
    """Stage name; None: by the naming rule. Not with ``*``."""
    pipeline: str | None = None
    item: str | None = None

    @property
    def text(self) -> str:
        """As it is written in settings."""
        return f"{self.module}:{self.pattern}"

    @property
    def is_ground(self) -> bool:
        """Whether each stage call itself runs on functions of this module: as stages they would call each other without end."""
        return self.module in _GROUND or self.module.partition(".")[0] in _HOUSE
