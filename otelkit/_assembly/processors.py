"""Stock SDK span processors as plugins: the entry-point group ``opentelemetry_span_processor``, and ``configure``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import entry_points
from typing import Any, Final

from opentelemetry.sdk.trace import SpanProcessor

from otelkit.model.steps import SpanStep
from otelkit.plugin import hookimpl
from otelkit.plugin.loading import Candidate, FindEntryPoints
from otelkit.settings import Settings
from otelkit.spans.adopt import AdoptedProcessor

GROUP: Final = "opentelemetry_span_processor"


class _ProcessorPlugin:
    """Makes a plugin of a processor's factory, so that its failures are attributed like every plugin's."""

    def __init__(self, name: str, factory: Callable[..., Any]) -> None:
        self._name = name
        self._factory = factory

    @hookimpl
    def otelkit_span_steps(self, settings: Settings) -> Iterable[SpanStep]:
        processor = self._factory(**_wanted(self._factory, settings))
        if not isinstance(processor, SpanProcessor):
            raise TypeError(f"made a {type(processor).__name__}; expected a SpanProcessor of the OpenTelemetry SDK")
        return (AdoptedProcessor(self._name, processor),)


def _wanted(factory: Callable[..., Any], settings: Settings) -> dict[str, Any]:
    """Return the settings that the factory has parameters for."""
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return {}
    return {name: settings[name] for name in parameters if name in settings}


def installed_processors(find_entry_points: FindEntryPoints = entry_points) -> Iterator[Candidate]:
    """Yield the processors that installed distributions offer, by name."""
    for entry in sorted(find_entry_points(group=GROUP), key=lambda entry: entry.name):
        dist = entry.dist

        def load(entry: Any = entry) -> _ProcessorPlugin:
            return _ProcessorPlugin(entry.name, entry.load())

        yield Candidate(entry.name, dist.name if dist else "unknown", dist.version if dist else None, load)


def given_candidates(processors: Iterable[SpanProcessor], plugins: Iterable[object]) -> Iterator[Candidate]:
    """Yield what was handed over in code: processors named by class and position, plugins by their own name."""
    for position, processor in enumerate(processors, 1):
        name = f"{type(processor).__name__}-{position}"
        # By a factory, so that a wrong type is found and attributed where all answers are checked.
        plugin = _ProcessorPlugin(name, partial(_identity, processor))
        yield Candidate(name, None, None, partial(_identity, plugin), builtin=True)
    for position, given in enumerate(plugins, 1):
        name = getattr(given, "__name__", None) or f"{type(given).__name__}-{position}"
        yield Candidate(name, None, None, partial(_identity, given), builtin=True)


def _identity(value: object) -> object:
    return value
