from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import Histogram as HistogramInstrument
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    InMemoryMetricReader,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otelkit._otlp.encoded import Encoded
from otelkit.metrics.otlp import MetricEncoder
from tests.metrics.test_otlp_points import metrics, number_points
from tests.otlp.generated import GENEROUSLY

RESOURCES = [Resource({"service.name": "one"}), Resource({"service.name": "two"}, "https://example.org/schema")]
SCOPES = [InstrumentationScope("one"), InstrumentationScope("two", "1.0", "https://example.org/two", {"a": 1})]


def decoded(body: bytes) -> ExportMetricsServiceRequest:
    """Return the message in ``body``."""
    return ExportMetricsServiceRequest.FromString(body)


def same(body: bytes, data: MetricsData) -> bool:
    """Return whether ``body`` decodes to what the stock encoder makes of ``data``."""
    # As bytes: messages with a NaN in them are equal to nothing.
    return decoded(body).SerializeToString(deterministic=True) == encode_metrics(data).SerializeToString(
        deterministic=True
    )


def collected(*found: Metric) -> MetricsData:
    """Return metrics as a reader hands them over."""
    return MetricsData([ResourceMetrics(RESOURCES[0], [ScopeMetrics(SCOPES[0], found, "")], "")])


def gauge(*points: Any, name: Any = "gauge") -> Metric:
    """Return a gauge."""
    return Metric(name, "what it is", "1", Gauge(points))


def point(value: Any = 1, **attributes: Any) -> NumberDataPoint:
    """Return a point."""
    return NumberDataPoint(attributes, 1, 2, value)


def points_in(body: bytes) -> list[tuple[str, int]]:
    """Return the name of each point's metric and the point's value, in order."""
    return [
        (metric.name, each.as_int)
        for resource in decoded(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for each in (*metric.gauge.data_points, *metric.sum.data_points)
    ]


several = st.lists(st.lists(metrics, min_size=1, max_size=3), min_size=1, max_size=2)


@pytest.mark.sdk
@given(st.lists(several, min_size=1, max_size=2))
@GENEROUSLY
def test_metrics_are_written_as_by_the_stock_encoder(drawn: list[list[list[Metric]]]) -> None:
    """Points of all kinds, of several resources and scopes, decode to what the stock encoder makes of them."""
    data = MetricsData(
        [
            ResourceMetrics(
                resource, [ScopeMetrics(scope, found, "") for scope, found in zip(SCOPES, scopes, strict=False)], ""
            )
            for resource, scopes in zip(RESOURCES, drawn, strict=False)
        ]
    )

    (encoded,) = MetricEncoder().requests(data)

    assert encoded.left_out == 0
    assert same(encoded.body, data)


@pytest.mark.sdk
@pytest.mark.parametrize("temporality", [AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE])
@pytest.mark.parametrize("exponential", [False, True])
def test_what_the_sdk_collects_is_written_as_by_the_stock_encoder(
    temporality: AggregationTemporality, exponential: bool
) -> None:
    """All instruments, in both temporalities and with both kinds of histograms."""
    aggregation: Any = {HistogramInstrument: ExponentialBucketHistogramAggregation()} if exponential else {}
    reader = InMemoryMetricReader({HistogramInstrument: temporality}, aggregation)
    meter = MeterProvider([reader], RESOURCES[1], shutdown_on_exit=False).get_meter("scope", "1", "url", {"a": "b"})
    meter.create_counter("counter", "s", "text").add(3, {"a": (1, 2)})
    meter.create_up_down_counter("up.down").add(-2.5)
    meter.create_gauge("gauge").set(7)
    histogram = meter.create_histogram("histogram", explicit_bucket_boundaries_advisory=[0.5, 1.0])
    for value in (-3.0, 0.0, 0.7, 12.0):
        histogram.record(value, {"k": "v"})
    data = reader.get_metrics_data()

    (encoded,) = MetricEncoder().requests(data)

    assert (encoded.written, encoded.left_out) == (4, 0)
    assert same(encoded.body, data)


def test_a_point_that_cannot_be_written_costs_no_other() -> None:
    """A value that is no number is left out, counted and told; for the stock encoder it costs all metrics."""
    told: list[Exception] = []
    encoder = MetricEncoder(on_failed=told.append)

    (encoded,) = encoder.requests(collected(gauge(point(1), point("two"), point(3)), gauge(point(4), name="other")))

    assert (encoded.written, encoded.left_out) == (3, 1)
    assert points_in(encoded.body) == [("gauge", 1), ("gauge", 3), ("other", 4)]
    assert len(told) == 1


def test_a_metric_of_an_unknown_kind_costs_no_other() -> None:
    """What a later SDK may collect is left out and its points are counted."""

    class Summary:
        data_points: Sequence[Any] = (1, 2)

    unknown: Any = Metric("summary", None, None, Summary())

    (encoded,) = MetricEncoder().requests(collected(unknown, gauge(point(4))))

    assert (encoded.written, encoded.left_out) == (1, 2)
    assert points_in(encoded.body) == [("gauge", 4)]


def test_nothing_is_no_request() -> None:
    """Metrics without points, or with none that can be written, are no bytes."""
    assert MetricEncoder().requests(MetricsData([])) == [Encoded(b"", 0, 0)]
    assert MetricEncoder().requests(collected(gauge())) == [Encoded(b"", 0, 0)]
    assert MetricEncoder().requests(collected(gauge(point("one")))) == [Encoded(b"", 0, 1)]


def test_many_points_are_several_requests() -> None:
    """What is together too large for a receiver goes in requests that are not, in order; a metric may be in two of them."""
    found = [
        gauge(*[point(number * 10 + n, text="x" * 100) for n in range(10)], name=f"gauge {number}")
        for number in range(10)
    ]

    requests = MetricEncoder(request_bytes=2000).requests(collected(*found))

    assert len(requests) > 5
    assert all(len(encoded.body) <= 2200 for encoded in requests)
    assert [encoded.written for encoded in requests] == [len(points_in(encoded.body)) for encoded in requests]
    assert points_in(b"".join(encoded.body for encoded in requests)) == [(f"gauge {n // 10}", n) for n in range(100)]


def test_a_giant_among_points_goes_alone() -> None:
    """A point too large for any receiver takes few others with it, and none twice."""
    found = gauge(*[point(n, text="x" * (5000 if n == 3 else 10)) for n in range(6)])

    requests = MetricEncoder(request_bytes=1000).requests(collected(found))

    assert [encoded.written for encoded in requests] == [3, 1, 2]


def test_names_that_are_no_utf8_are_repaired() -> None:
    """A metric named after a file arrives; for the stock encoder it costs all metrics."""
    (encoded,) = MetricEncoder().requests(collected(gauge(point(1), name="a\udcff")))

    assert points_in(encoded.body) == [("a\ufffd", 1)]


@given(st.lists(number_points, min_size=1, max_size=3), st.booleans())
@GENEROUSLY
def test_whether_a_sum_only_grows_is_told(points: list[NumberDataPoint], monotonic: bool) -> None:
    """A counter stays a counter."""
    data = collected(Metric("sum", None, None, Sum(points, AggregationTemporality.DELTA, monotonic)))

    (encoded,) = MetricEncoder().requests(data)

    assert decoded(encoded.body).resource_metrics[0].scope_metrics[0].metrics[0].sum.is_monotonic is monotonic
