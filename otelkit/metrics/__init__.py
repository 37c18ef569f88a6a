"""Metrics: rate, errors, duration and busyness of every stage, and what a program records by itself."""

from otelkit.metrics.bound import BoundMetrics, bound_metrics
from otelkit.metrics.collector import MetricsCollector
from otelkit.metrics.decorators import default_collector, instrument_performance, track_analysis, track_training
from otelkit.metrics.entry import EntryExporter, Group, MetricEntry, MetricType
from otelkit.metrics.group import MetricGroup
from otelkit.metrics.handles import CounterHandle, GaugeHandle, HistogramHandle
from otelkit.metrics.instruments import build_instruments
from otelkit.metrics.red import RED_METRICS, RedObserver

__all__ = [
    "RED_METRICS",
    "BoundMetrics",
    "CounterHandle",
    "EntryExporter",
    "GaugeHandle",
    "Group",
    "HistogramHandle",
    "MetricEntry",
    "MetricGroup",
    "MetricType",
    "MetricsCollector",
    "RedObserver",
    "bound_metrics",
    "build_instruments",
    "default_collector",
    "instrument_performance",
    "track_analysis",
    "track_training",
]
