"""Rate, errors, duration and busyness of every stage."""

from __future__ import annotations

from collections.abc import Iterable

from otelkit.metrics.red import RED_METRICS, RedObserver
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver
from otelkit.plugin import hookimpl
from otelkit.settings import Settings


@hookimpl
def otelkit_metrics() -> Iterable[MetricSpec]:
    return RED_METRICS


@hookimpl
def otelkit_call_observers(settings: Settings) -> Iterable[CallObserver]:
    return (RedObserver(),) if settings.flag("enable_metrics") else ()
