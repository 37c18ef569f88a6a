"""Adding many values to the SDK's histograms at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.metrics import Histogram, NoOpHistogram
from opentelemetry.sdk.metrics import Histogram as SdkHistogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    DropAggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    LastValueAggregation,
    View,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer, set_span_in_context

from otelkit.metrics.batched import BatchedHistogram
from otelkit.metrics.sdk_private import HistogramTargets

pytestmark = pytest.mark.sdk

BOUNDS = (0.1, 0.5, 1.0, 5.0)
AT = {"stage": "parse", "pipeline": "p"}


def delta_reader() -> InMemoryMetricReader:
    return InMemoryMetricReader({SdkHistogram: AggregationTemporality.DELTA})


class Twins:
    """A histogram that gets values one by one, and one that gets them in batches, in two providers that are alike."""

    def __init__(self, readers: Callable[[], list[InMemoryMetricReader]], views: tuple[View, ...] = ()) -> None:
        self.readers = [readers(), readers()]
        self.providers = [MeterProvider(each, views=views, shutdown_on_exit=False) for each in self.readers]
        self.single, self.histogram = (
            provider.get_meter("t").create_histogram("h", "s", "x", explicit_bucket_boundaries_advisory=BOUNDS)
            for provider in self.providers
        )
        self.batched = BatchedHistogram(self.histogram, BOUNDS)
        self.series = self.batched.series(AT)
        self.providers[1].get_meter("t").create_observable_gauge("callback", [self._hand_over])

    def _hand_over(self, _options: object) -> list[Any]:
        self.batched.hand_over()
        return []

    def record(self, *batches: list[float]) -> None:
        for batch in batches:
            for value in batch:
                self.single.record(value, AT)
            self.series.put(list(batch))

    def collect(self) -> tuple[list[Any], list[Any]]:
        single, batched = ([_points(reader) for reader in readers] for readers in self.readers)
        return single, batched


def _points(reader: InMemoryMetricReader) -> list[Any]:
    data = reader.get_metrics_data()
    points = []
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    numbers = [
                        pytest.approx(value) if isinstance(value, float) else value
                        for key in ("count", "sum", "bucket_counts", "explicit_bounds", "min", "max", "scale", "value")
                        if (value := getattr(point, key, None)) is not None
                    ]
                    points.append((metric.name, dict(point.attributes), *numbers))
    return points


BATCHES = ([0.1, 0.3, 7.0], [0.5], [random.Random(number).random() * 3 for number in range(600)])


@pytest.mark.parametrize(
    "readers",
    [
        lambda: [InMemoryMetricReader()],
        lambda: [delta_reader()],
        lambda: [InMemoryMetricReader(), delta_reader(), InMemoryMetricReader()],
    ],
    ids=["cumulative", "delta", "three readers"],
)
@pytest.mark.parametrize(
    "views",
    [
        (),
        (View(instrument_name="h", name="renamed", attribute_keys={"stage"}),),
        (View(instrument_name="h", aggregation=ExplicitBucketHistogramAggregation((1.0, 2.0))),),
        (View(instrument_name="h", aggregation=ExplicitBucketHistogramAggregation((1.0, 2.0), record_min_max=False)),),
        (View(instrument_name="h"), View(instrument_name="h", name="other", aggregation=LastValueAggregation())),
        (View(instrument_name="h", aggregation=ExponentialBucketHistogramAggregation()),),
        (View(instrument_name="h"), View(instrument_name="h", name="none", aggregation=DropAggregation())),
        (View(instrument_name="h", aggregation=DropAggregation()),),
    ],
    ids=["none", "renamed", "other buckets", "no extremes", "two kinds", "exponential", "dropped", "all dropped"],
)
def test_batches_give_what_single_values_give(
    readers: Callable[[], list[InMemoryMetricReader]], views: tuple[View, ...]
) -> None:
    """Every reader, temporality and view sees the same points, over several collections, one of them without values."""
    twins = Twins(readers, views)
    seen = []
    for batches in (BATCHES, (), BATCHES[:1]):
        twins.record(*batches)
        seen.append(twins.collect())

    for single, batched in seen:
        assert batched == single


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (None, BOUNDS),
        (ExplicitBucketHistogramAggregation((1.0, 2.0)), (1.0, 2.0)),
        (ExponentialBucketHistogramAggregation(), None),
    ],
)
def test_the_buckets_are_those_of_the_programs_views(aggregation: Any, expected: tuple[float, ...] | None) -> None:
    """The installed SDK is built as this needs it: only what can't be merged goes value by value."""
    views = () if aggregation is None else (View(instrument_name="h", aggregation=aggregation),)
    twins = Twins(lambda: [InMemoryMetricReader()], views)

    assert twins.batched.targets.boundaries() == expected


def test_with_another_sdk_each_value_goes_the_public_way() -> None:
    """A histogram that is none of the SDK's gets every value."""
    seen: list[float] = []

    class Foreign(NoOpHistogram):
        def record(self, amount: float, attributes: Any = None, context: Any = None) -> None:
            seen.append(amount)

    histogram: Histogram = Foreign("h")
    batched = BatchedHistogram(histogram, BOUNDS)
    batched.series(AT).put([1.0, 2.0])

    assert (HistogramTargets(histogram, BOUNDS).boundaries(), seen) == (None, [1.0, 2.0])


def test_a_reader_added_later_gets_what_is_recorded_from_then_on() -> None:
    """As with single values: the counts of a new reader start when it is there."""
    twins = Twins(lambda: [InMemoryMetricReader()])
    twins.record([1.0, 2.0])
    twins.collect()
    late = InMemoryMetricReader()
    add = getattr(twins.providers[1], "add_metric_reader", None)
    if add is None:
        pytest.skip("this SDK can't add a reader")
    add(late)
    twins.record([3.0])
    (point,) = _points(late)

    assert point[2:4] == (1, 3.0)
    assert [points[0][2] for points in twins.collect()[1]] == [3]


def test_sampled_values_become_exemplars_and_are_counted_once() -> None:
    """The SDK's own filter and reservoir decide; the counts stay true."""
    twins = Twins(lambda: [InMemoryMetricReader()])
    tracer: Tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    span = tracer.start_span("parse")
    twins.series.put([0.3, 2.0, 2.5], {2.0: lambda: set_span_in_context(span)})
    # What is current while somebody collects is no exemplar of ours.
    with tracer.start_as_current_span("collecting"):
        data = twins.readers[1][0].get_metrics_data()
    assert data is not None
    (point,) = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    span.end()

    assert (point.count, point.sum, point.bucket_counts) == (3, 4.8, (0, 1, 0, 2, 0))
    assert [(exemplar.value, exemplar.trace_id) for exemplar in point.exemplars] == [
        (2.0, span.get_span_context().trace_id)
    ]


def test_beyond_the_sdks_limit_of_series_nothing_is_lost() -> None:
    """Newer SDKs put further series into one: batches go there too."""
    twins = Twins(lambda: [InMemoryMetricReader()])
    many = [twins.batched.series({"n": number}) for number in range(2010)]
    for _ in range(2):
        for series in many:
            series.put([1.0, 2.0])
        points = _points(twins.readers[1][0])

    assert sum(point[2] for point in points) == 2010 * 2 * 2
