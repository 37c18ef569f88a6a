from __future__ import annotations

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otelkit.delivery.metric_points import count_points


def test_points_are_counted_over_all_resources_scopes_and_metrics() -> None:
    """Every kind of metric has points."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    for scope in ("a", "b"):
        meter = provider.get_meter(scope)
        meter.create_counter("c").add(1)
        meter.create_histogram("h").record(1)
        meter.create_up_down_counter("u").add(1, {"k": 1})
    data = reader.get_metrics_data()
    assert data is not None

    assert count_points(data) == 6
    provider.shutdown()
