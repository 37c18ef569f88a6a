"""What will be installed: the whole plan, immutable and printable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from otelkit.model.checks import Finding, HealthCheck
from otelkit.model.commands import CommandSpec
from otelkit.model.describers import Describer
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver
from otelkit.model.steps import SpanStep
from otelkit.model.targets import StageTarget

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler

T = TypeVar("T")

SamplerFactory = Callable[[str | None], "Sampler"]
"""Takes ``OTEL_TRACES_SAMPLER_ARG`` (None if unset) and returns a sampler.

It may have the attribute ``reads``, a tuple with the names of the settings that the sampler looks at: what is set for samplers,
and is not looked at by the chosen one, is then named.
"""


class PluginState(Enum):
    """What became of an installed plugin."""

    ACTIVE = "active"
    FAILED = "failed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """One plugin, as `otelkit plugins` shows it."""

    name: str
    distribution: str | None
    """Name of the distribution that brought it; None for otelkit's own."""
    version: str | None
    state: PluginState
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Hook -> names of what it returned."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Offered(Generic[T]):
    """Something a plugin offers, and where it came from."""

    plugin: str
    distribution: str | None
    value: T


@dataclass(frozen=True, slots=True)
class SamplerChoice:
    """The sampler that will be in force, and how that came; for people to read."""

    name: str
    source: str
    """The variable or setting that names it; ``default`` where none does."""
    argument: str | None
    """``OTEL_TRACES_SAMPLER_ARG``."""
    description: str
    """The sampler's own words."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Settings + plugins, folded. Only ``_assembly.install`` turns it into effects."""

    settings: Any  # Any: `otelkit.settings.Settings` lives two floors up
    plugins: tuple[PluginRecord, ...]
    steps: tuple[Offered[SpanStep], ...]
    """In the order in which spans pass them."""
    observers: tuple[Offered[CallObserver], ...]
    samplers: Mapping[str, Offered[SamplerFactory]]
    describers: Mapping[str, Offered[Describer]]
    """By dotted type name."""
    metrics: Mapping[str, Offered[MetricSpec]]
    targets: tuple[StageTarget, ...]
    checks: tuple[Offered[HealthCheck], ...]
    commands: Mapping[str, Offered[CommandSpec]]
    stores: Mapping[str, Offered[Any]]
    findings: tuple[Finding, ...] = ()
    """What went wrong while planning."""
    sampler: SamplerChoice | None = None
    """Where somebody wants to see it; it is made anew when the plan is installed."""
