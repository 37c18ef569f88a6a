"""What samplers say of themselves in numbers: decisions, probabilities, buffers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from otelkit.model.calls import AttributeValue


@dataclass(frozen=True, slots=True)
class Figure:
    """One point of one metric, as it is now."""

    metric: str
    """One of the names ``METRIC_SAMPLING_…`` in `otelkit.names`."""
    value: float
    """Of a counter: the total of this process so far."""
    attributes: Mapping[str, AttributeValue]


@runtime_checkable
class SaysFigures(Protocol):
    """A sampler, or its step, that can be asked for figures."""

    def figures(self) -> Iterable[Figure]:
        """Return the figures as they are now; from any thread, when metrics are collected. Totals start anew after a fork."""
