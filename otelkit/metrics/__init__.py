"""Metrics: instruments from declarations, and rate, errors, duration and busyness of every stage."""

from otelkit.metrics.instruments import build_instruments
from otelkit.metrics.red import RED_METRICS, RedObserver

__all__ = ["RED_METRICS", "RedObserver", "build_instruments"]
