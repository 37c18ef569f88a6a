from __future__ import annotations

import logging

import pytest
from opentelemetry.exporter.otlp.proto.common._internal.metrics_encoder import OTLPMetricExporterMixin
from opentelemetry.sdk.metrics import Histogram
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, ExponentialBucketHistogramAggregation

from otelkit.delivery.metric_preferences import preferred_aggregation, preferred_temporality

TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
AGGREGATION = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"


@pytest.mark.sdk
@pytest.mark.parametrize("value", [None, "cumulative", "CUMULATIVE", "delta", "Delta", "LOWMEMORY", " delta "])
def test_temporality_is_what_the_stock_exporter_prefers(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every kind of instrument, however it is spelled."""
    env = {} if value is None else {TEMPORALITY: value}
    monkeypatch.delenv(TEMPORALITY, raising=False)
    for name, text in env.items():
        monkeypatch.setenv(name, text)

    assert preferred_temporality(env) == OTLPMetricExporterMixin()._get_temporality({})


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("", ExplicitBucketHistogramAggregation),
        ("explicit_bucket_histogram", ExplicitBucketHistogramAggregation),
        ("base2_exponential_bucket_histogram", ExponentialBucketHistogramAggregation),
    ],
)
def test_histograms_are_made_as_the_environment_says(value: str, kind: type) -> None:
    """With explicit buckets, or with buckets that grow."""
    assert {key: type(each) for key, each in preferred_aggregation({AGGREGATION: value}).items()} == {Histogram: kind}


def test_wrong_values_are_told_and_the_defaults_used(caplog: pytest.LogCaptureFixture) -> None:
    """Each in one line that names the variable and what it may be."""
    with caplog.at_level(logging.ERROR):
        temporality = preferred_temporality({TEMPORALITY: "sometimes"})
        aggregation = preferred_aggregation({AGGREGATION: "pie_chart"})

    assert temporality == preferred_temporality({})
    assert type(aggregation[Histogram]) is ExplicitBucketHistogramAggregation
    assert [record.getMessage() for record in caplog.records] == [
        f"{TEMPORALITY} is 'sometimes'; expected one of cumulative, delta, lowmemory. "
        "cumulative is used until it is corrected.",
        f"{AGGREGATION} is 'pie_chart'; expected one of explicit_bucket_histogram, base2_exponential_bucket_histogram. "
        "explicit_bucket_histogram is used until it is corrected.",
    ]
