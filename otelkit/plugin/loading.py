"""Find plugins and import them, one by one, so that a broken one harms only itself."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Protocol

from otelkit.plugin.defaults import BUILT_IN

GROUP: Final = "otelkit"


class FindEntryPoints(Protocol):
    """Finds what installed distributions offer; reads some 100 small files, unless it remembers them."""

    def __call__(self, *, group: str) -> Iterable[EntryPoint]:
        """Return the entry points of a group."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that is installed, not yet imported."""

    name: str
    distribution: str | None
    """None: otelkit's own, or handed over in code."""
    version: str | None
    load: Callable[[], Any]  # Any: a module or any object with hookimpls
    builtin: bool = False


def builtin_candidates(names: Iterable[str] = BUILT_IN) -> Iterator[Candidate]:
    """Yield otelkit's own plugins."""
    for dotted in names:
        yield Candidate(f"otelkit.{dotted.rpartition('.')[2]}", None, None, _importer(dotted), builtin=True)


def _importer(dotted: str) -> Callable[[], Any]:
    return lambda: importlib.import_module(dotted)


def installed_candidates(find_entry_points: FindEntryPoints = entry_points) -> Iterator[Candidate]:
    """Yield the plugins that installed distributions name in the entry-point group ``otelkit``, by name."""
    for entry in sorted(find_entry_points(group=GROUP), key=lambda entry: entry.name):
        dist = entry.dist
        yield Candidate(entry.name, dist.name if dist else "unknown", dist.version if dist else None, entry.load)
