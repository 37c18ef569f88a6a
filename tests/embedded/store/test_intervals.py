"""Histograms as metrics send them."""

from __future__ import annotations

import math
import random

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint, HistogramDataPoint
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

from otelkit.embedded.store import intervals
from otelkit.embedded.store.intervals import EXPONENTIAL, HISTOGRAM, Durations, read_durations


def exponential_point(values: list[float]) -> ExponentialHistogramDataPoint:
    """Return what the SDK's own exponential histogram makes of values."""
    reader = InMemoryMetricReader()
    view = View(instrument_name="*", aggregation=ExponentialBucketHistogramAggregation())
    histogram = MeterProvider([reader], views=[view]).get_meter("t").create_histogram("h")
    for value in values:
        histogram.record(value)
    data = reader.get_metrics_data()
    assert data is not None
    (point,) = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    return ExponentialHistogramDataPoint(
        count=point.count,
        sum=point.sum,
        scale=point.scale,
        zero_count=point.zero_count,
        min=point.min,
        max=point.max,
        positive={"offset": point.positive.offset, "bucket_counts": point.positive.bucket_counts},
    )


@pytest.mark.parametrize("q", [0.01, 0.5, 0.95, 1.0])
def test_a_quantile_of_an_exponential_histogram_is_close(q: float) -> None:
    """The SDK's exponential histograms are read with its own index and scale."""
    chance = random.Random(7)
    values = [0.0, *(chance.lognormvariate(-3, 1.5) for _ in range(2_000))]
    found = read_durations(EXPONENTIAL, exponential_point(values).SerializeToString())
    expected = sorted(values)[max(0, math.ceil(q * len(values)) - 1)]

    assert sum(found.counts.values()) == len(values)
    assert found.quantile_s(q, {}) == pytest.approx(expected, rel=0.1)


def test_a_quantile_without_spans_lies_between_the_bounds_and_what_was_met() -> None:
    """The shortest and the longest duration narrow the outermost buckets."""
    point = HistogramDataPoint(count=4, sum=2.2, min=0.4, max=0.7, explicit_bounds=[0.1, 1.0], bucket_counts=[0, 4, 0])
    found = read_durations(HISTOGRAM, point.SerializeToString())

    assert found.quantile_s(0.5, {}) == pytest.approx(0.55)
    assert found.quantile_s(1.0, {}) == pytest.approx(0.7)


def test_an_open_bucket_without_a_longest_is_its_lower_bound() -> None:
    """A duration beyond the last bound is at least that long."""
    point = HistogramDataPoint(count=1, sum=90, explicit_bounds=[60.0], bucket_counts=[0, 1])

    assert read_durations(HISTOGRAM, point.SerializeToString()).quantile_s(0.5, {}) == 60.0


def test_nothing_has_no_quantile() -> None:
    """A stage without calls shows none."""
    assert Durations().quantile_s(0.5, {}) is None


@pytest.mark.parametrize(
    ("kind", "point"),
    [
        (HISTOGRAM, HistogramDataPoint(count=1, sum=math.nan, min=math.inf, max=math.nan, bucket_counts=[1])),
        (HISTOGRAM, HistogramDataPoint(explicit_bounds=[math.nan, 1.0, 0.5], bucket_counts=[1, 1])),
        (HISTOGRAM, HistogramDataPoint(explicit_bounds=[1.0], bucket_counts=[1, 1, 1, 1, 2**64 - 1])),
        (EXPONENTIAL, ExponentialHistogramDataPoint(scale=-(2**31), positive={"offset": 5, "bucket_counts": [1]})),
        (EXPONENTIAL, ExponentialHistogramDataPoint(scale=2**31 - 1, positive={"offset": -5, "bucket_counts": [1]})),
        (EXPONENTIAL, ExponentialHistogramDataPoint(scale=-10, positive={"offset": 2**31 - 1, "bucket_counts": [1]})),
    ],
)
def test_impossible_numbers_are_left_out(kind: int, point: HistogramDataPoint | ExponentialHistogramDataPoint) -> None:
    """A sender's nonsense costs neither the store nor the request it came in."""
    found = read_durations(kind, point.SerializeToString())
    quantile = found.quantile_s(0.5, {})

    assert math.isfinite(found.sum_s)
    assert found.low_s is None or math.isfinite(found.low_s)
    assert quantile is None or math.isfinite(quantile)


def test_counts_come_back_as_they_were_packed() -> None:
    """What is stored is what was counted."""
    counts = {(-math.inf, 0.1): 3.0, (0.1, 1.0): 4.5, (1.0, math.inf): 1.0}

    assert intervals.unpack(intervals.pack(counts)) == counts
