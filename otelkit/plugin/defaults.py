"""otelkit's own plugins, as data. They come in through the same door as everybody else's."""

from __future__ import annotations

from typing import Final

BUILT_IN: Final[tuple[str, ...]] = (
    "otelkit._builtin.settings",
    "otelkit._builtin.samplers",
    "otelkit._builtin.steps",
    "otelkit._builtin.red",
    "otelkit._builtin.progress",
    "otelkit._builtin.longest_calls",
    "otelkit._builtin.describers",
    "otelkit._builtin.stores",
    "otelkit._builtin.checks",
    "otelkit._builtin.commands",
)
"""Modules with hookimpls, by dotted name; their plugin name is the last part, prefixed with ``otelkit.``."""
