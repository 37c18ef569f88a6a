"""Instruments from declarations."""

from __future__ import annotations

import logging

import pytest

from otelkit.metrics import build_instruments
from otelkit.model.metrics import MetricSpec
from tests.metrics.collected import Collected


@pytest.mark.requirement("MET-05", "MET-31")
def test_every_kind_of_declared_metric_is_recorded_as_declared() -> None:
    """A plugin's counter, up-down counter, gauge and histogram arrive with the unit, text and buckets it declared."""
    collected = Collected()
    specs = {
        spec.name: spec
        for spec in (
            MetricSpec("files", "counter", "{file}", "Files."),
            MetricSpec("open", "updown", "{file}", "Open files."),
            MetricSpec("level", "gauge", "1", "Level."),
            MetricSpec("size", "histogram", "By", "Sizes.", boundaries=(10.0, 100.0)),
        )
    }
    built = build_instruments(specs, collected.meter)
    built["files"].add(3)
    built["open"].add(-1)
    built["level"].set(0.5)
    built["size"].record(50)

    metrics = collected.metrics()
    seen = {name: (metric.unit, metric.description, type(metric.data).__name__) for name, metric in metrics.items()}

    assert seen == {
        "files": ("{file}", "Files.", "Sum"),
        "open": ("{file}", "Open files.", "Sum"),
        "level": ("1", "Level.", "Gauge"),
        "size": ("By", "Sizes.", "Histogram"),
    }
    assert metrics["files"].data.is_monotonic
    assert not metrics["open"].data.is_monotonic
    assert tuple(metrics["size"].data.data_points[0].explicit_bounds) == (10.0, 100.0)


def test_an_observed_metric_is_left_to_its_observer() -> None:
    """What is read at collection time is not built twice."""
    spec = MetricSpec("busy", "gauge", "1", "Busy.", observed=True)

    assert build_instruments({"busy": spec}, Collected().meter) == {}


def test_a_name_that_the_sdk_refuses_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    """One wrong declaration is named in a warning; its instrument records nothing and the others work."""
    collected = Collected()
    specs = {
        "9 bad name": MetricSpec("9 bad name", "counter", "1", "Bad."),
        "good": MetricSpec("good", "counter", "1", "Good."),
    }
    with caplog.at_level(logging.WARNING, "otelkit.metrics"):
        built = build_instruments(specs, collected.meter)
    built["9 bad name"].add(1)
    built["good"].add(1)

    assert set(collected.metrics()) == {"good"}
    assert "9 bad name" in caplog.text
