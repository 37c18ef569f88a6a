"""Functions to instrument without editing them."""

from __future__ import annotations

from dataclasses import dataclass


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
