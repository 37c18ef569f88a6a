"""The benchmark of recorded numbers records them."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from benchmarks import metric_record
from benchmarks.metric_record import recorders, totals, turn


def test_every_way_records_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone or in threads, by a handle or the SDK's instrument, what the provider says in the end is what was recorded."""
    monkeypatch.setattr(metric_record, "RECORDS", 2_000)
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    for record in recorders(provider).values():
        assert turn(record, 1)["us"] > 0
        assert turn(record, 4)["us"] > 0

    assert totals(reader) == dict.fromkeys(
        ("bound.counter", "bound.up_down", "bound.histogram", "stock.counter", "stock.up_down", "stock.histogram"),
        4_000,
    )
    provider.shutdown()
