"""Watched queues and runs: their metrics, and who records them."""

from __future__ import annotations

from collections.abc import Iterable

from otelkit.metrics.batched import BatchedHistogram
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver
from otelkit.plugin import hookimpl
from otelkit.settings import Settings
from otelkit.stages.gauges import QUEUE_AND_RUN_METRICS, QueueAndRunObserver


@hookimpl
def otelkit_metrics() -> Iterable[MetricSpec]:
    return QUEUE_AND_RUN_METRICS


@hookimpl
def otelkit_call_observers(settings: Settings) -> Iterable[CallObserver]:
    return (QueueAndRunObserver(BatchedHistogram),) if settings.flag("enable_metrics") else ()
