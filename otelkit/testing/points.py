"""Metric points, read from the SDK's nested data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import HistogramDataPoint, NumberDataPoint

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData


@dataclass(frozen=True, slots=True)
class Point:
    """One series of one metric."""

    attributes: Mapping[str, Any]  # Any: as the SDK types them
    value: float
    """The number; of a histogram the sum."""
    count: int | None = None
    """Of a histogram: how many values were recorded."""


def points_of(data: MetricsData | None, name: str) -> Iterator[Point]:
    """Yield the points of the metric ``name``, over all scopes."""
    for resource in data.resource_metrics if data is not None else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name == name:
                    for point in metric.data.data_points:
                        if isinstance(point, HistogramDataPoint):
                            yield Point(dict(point.attributes or {}), point.sum, point.count)
                        elif isinstance(point, NumberDataPoint):
                            yield Point(dict(point.attributes or {}), point.value)
