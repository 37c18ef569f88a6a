"""How long each stage's oldest call has been running, as a metric."""

from __future__ import annotations

from collections.abc import Iterable

from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver
from otelkit.plugin import hookimpl
from otelkit.settings import Settings
from otelkit.stages.longest_calls import LONGEST_CALL, LongestCallObserver


@hookimpl
def otelkit_metrics() -> Iterable[MetricSpec]:
    return (LONGEST_CALL,)


@hookimpl
def otelkit_call_observers(settings: Settings) -> Iterable[CallObserver]:
    wanted = settings.flag("enable_metrics") and settings.number("heartbeat_s") > 0
    return (LongestCallObserver(),) if wanted else ()
