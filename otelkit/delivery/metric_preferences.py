"""How an OTLP receiver wants its metrics, as ``OTEL_EXPORTER_OTLP_METRICS_*`` say."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final, TypeVar

from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality
from opentelemetry.sdk.metrics.view import (
    Aggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
)

_log = logging.getLogger("otelkit.settings")

_TEMPORALITY: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
_AGGREGATION: Final = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"

Choice = TypeVar("Choice")

_KINDS: Final = (Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter, ObservableGauge)
# Those that tell what came since the last time; all others tell the total.
_DELTA: Final[Mapping[str, tuple[type, ...]]] = {
    "cumulative": (),
    "delta": (Counter, Histogram, ObservableCounter),
    "lowmemory": (Counter, Histogram),
}


def preferred_temporality(env: Mapping[str, str]) -> dict[type, AggregationTemporality]:
    """Return for each kind of instrument whether its points are totals; a wrong value is logged, and all are."""
    delta = _chosen(env, _TEMPORALITY, _DELTA, "cumulative")
    return {
        kind: AggregationTemporality.DELTA if kind in delta else AggregationTemporality.CUMULATIVE for kind in _KINDS
    }


def preferred_aggregation(env: Mapping[str, str]) -> dict[type, Aggregation]:
    """Return how histograms are made; a wrong value is logged, and they have explicit buckets."""
    known: dict[str, type[Aggregation]] = {
        "explicit_bucket_histogram": ExplicitBucketHistogramAggregation,
        "base2_exponential_bucket_histogram": ExponentialBucketHistogramAggregation,
    }
    return {Histogram: _chosen(env, _AGGREGATION, known, "explicit_bucket_histogram")()}


def _chosen(env: Mapping[str, str], variable: str, known: Mapping[str, Choice], default: str) -> Choice:
    raw = env.get(variable, "").strip()
    chosen = known.get(raw.lower() or default)
    if chosen is not None:
        return chosen
    _log.error(
        "%s is %r; expected one of %s. %s is used until it is corrected.", variable, raw, ", ".join(known), default
    )
    return known[default]
