from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common._internal.metrics_encoder import _encode_metric
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as Received
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint as ReceivedNumber
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics._internal.point import Buckets  # the SDK exports it under no public name
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from otelkit._otlp.wire import field
from otelkit.metrics.otlp_points import PointWriter
from tests.otlp.generated import GENEROUSLY, attributes, integers, texts

moments = st.integers(0, (1 << 64) - 1) | st.just(1_700_000_000_000_000_000)
numbers = integers | st.floats()
counts = st.integers(0, (1 << 64) - 1) | st.integers(0, 300)
exemplars = st.lists(
    st.builds(
        Exemplar,
        attributes,
        numbers,
        moments,
        st.none() | st.integers(0, (1 << 64) - 1),
        st.none() | st.integers(0, (1 << 128) - 1),
    ),
    max_size=2,
)
number_points = st.builds(NumberDataPoint, attributes, moments, moments, numbers, exemplars)
histogram_points = st.builds(
    HistogramDataPoint,
    attributes,
    moments,
    moments,
    counts,
    numbers,
    st.lists(counts, max_size=4) | st.lists(counts, max_size=4).map(tuple),
    st.lists(st.floats(), max_size=4),
    st.none() | st.floats() | st.just(0),
    st.none() | st.floats() | st.just(0),
    exemplars,
)
buckets = st.builds(Buckets, st.integers(-(1 << 31), (1 << 31) - 1), st.lists(counts, max_size=4))
exponential_points = st.builds(
    ExponentialHistogramDataPoint,
    attributes,
    moments,
    moments,
    counts,
    numbers,
    st.integers(-10, 20),
    counts,
    buckets,
    buckets,
    st.integers(0, 1),
    st.none() | st.floats(),
    st.none() | st.floats(),
    exemplars,
)
temporalities = st.sampled_from(AggregationTemporality)
metrics = st.builds(
    Metric,
    texts,
    st.none() | texts,
    st.none() | texts,
    st.builds(Gauge, st.lists(number_points, min_size=1, max_size=2))
    | st.builds(Sum, st.lists(number_points, min_size=1, max_size=2), temporalities, st.booleans())
    | st.builds(Histogram, st.lists(histogram_points, min_size=1, max_size=2), temporalities)
    | st.builds(ExponentialHistogram, st.lists(exponential_points, min_size=1, max_size=2), temporalities),
)
UNSPECIFIED = AggregationTemporality.UNSPECIFIED


def by_stock(data: Any) -> bytes:
    """Return what the stock encoder makes of a metric's data."""
    message = Received()
    _encode_metric(Metric("", None, None, data), message)
    return message.SerializeToString(deterministic=True)


def read(tag: bytes, point: bytes) -> bytes:
    """Return a metric with one point, read and written again by protobuf."""
    return Received.FromString(field(tag, field(b"\x0a", point))).SerializeToString(deterministic=True)


@pytest.mark.sdk
@given(number_points)
@GENEROUSLY
def test_a_number_is_written_as_by_the_stock_encoder(point: NumberDataPoint) -> None:
    """Integers and floats, of gauges and of sums, decode to what the stock encoder makes of them."""
    writer = PointWriter()

    assert read(b"\x2a", writer.gauge(point)) == by_stock(Gauge([point]))
    assert read(b"\x3a", writer.sum(point)) == by_stock(Sum([point], UNSPECIFIED, False))


@pytest.mark.sdk
@given(histogram_points)
@GENEROUSLY
def test_a_histogram_is_written_as_by_the_stock_encoder(point: HistogramDataPoint) -> None:
    """Counts, bounds, sum, least, greatest and exemplars decode to what the stock encoder makes of them."""
    assert read(b"\x4a", PointWriter().histogram(point)) == by_stock(Histogram([point], UNSPECIFIED))


@pytest.mark.sdk
@given(exponential_points)
@GENEROUSLY
def test_an_exponential_histogram_is_written_as_by_the_stock_encoder(point: ExponentialHistogramDataPoint) -> None:
    """Scale, offsets and counts of both sides decode to what the stock encoder makes of them."""
    assert read(b"\x52", PointWriter().exponential_histogram(point)) == by_stock(
        ExponentialHistogram([point], UNSPECIFIED)
    )


@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1, 1 << 200])
def test_an_integer_of_more_than_64_bits_is_the_nearest_float(value: int) -> None:
    """A counter that has outgrown OTLP still tells how great it is; for the stock encoder it costs all metrics."""
    written = PointWriter().gauge(NumberDataPoint({}, 1, 2, value))

    assert ReceivedNumber.FromString(written).as_double == float(value)


def test_an_integer_beyond_any_float_is_refused() -> None:
    """There is no number to write."""
    with pytest.raises(struct.error):
        PointWriter().gauge(NumberDataPoint({}, 1, 2, 1 << 2000))
