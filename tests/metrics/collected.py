"""Metrics of the stock SDK, read in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric


class Collected:
    """A meter provider whose metrics are read when asked for."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.meter = self.provider.get_meter("tests")

    def metrics(self) -> dict[str, Metric]:
        """Collect now; metrics by name."""
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def scopes(self) -> dict[str, set[str]]:
        """Collect now; names of metrics by instrumentation scope."""
        data = self._reader.get_metrics_data()
        assert data is not None
        return {
            scope.scope.name: {metric.name for metric in scope.metrics}
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
        }

    def all_points(self) -> dict[str, dict[tuple[tuple[str, Any], ...], Any]]:
        """Collect now; every metric's points by their sorted attributes: values, or (count, sum) of histograms.

        SDK 1.44 shows a gauge only once after it was set: what belongs together is read together.
        """
        return {
            name: {key_of(point.attributes): _value(point) for point in metric.data.data_points}
            for name, metric in self.metrics().items()
        }

    def points(self, name: str) -> dict[tuple[tuple[str, Any], ...], Any]:
        """Collect now; one metric's points, as `all_points` gives them."""
        return self.all_points().get(name, {})


def key_of(attributes: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return attributes as a dictionary key."""
    return tuple(sorted(attributes.items()))


def _value(point: Any) -> Any:
    return (point.count, point.sum) if hasattr(point, "count") else point.value
