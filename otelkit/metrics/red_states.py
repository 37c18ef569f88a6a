"""How long the calls of each stage took and what they handled, as a whole and at any moment, past the SDK.

A collection by the SDK takes 150 µs and more. A child that may be killed at any moment would need one after each call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

from otelkit import names
from otelkit.metrics.boundaries import DURATION_BOUNDARIES_S
from otelkit.metrics.distribution import Distribution, distribute
from otelkit.metrics.stage_books import MAX_ERROR_TYPES, MAX_STAGES, by_error
from otelkit.model.calls import AttributeValue, StageCall, StageSeries

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE
_OUTCOMES: Final = ("ok", "failed", "skipped")


class _State:
    """One stage's; the same points as the SDK makes of its `StageBook`."""

    __slots__ = ("attributes", "durations", "items", "number")

    def __init__(self, number: int, attributes: Mapping[str, AttributeValue]) -> None:
        self.number = number
        self.attributes = attributes
        self.items = [0, 0, 0]
        self.durations: dict[str | None, Distribution] = {}
        """By error type; None: without an error."""

    def add(self, calls: Sequence[StageCall]) -> None:
        for place, column in enumerate(zip(*[call.items() for call in calls], strict=True)):
            self.items[place] += sum(column)
        for error_type, ended in by_error(calls).items():
            if error_type not in self.durations and len(self.durations) > MAX_ERROR_TYPES:
                error_type = names.ERROR_TYPE_OTHER
            new = distribute([call.duration_ns / 1e9 for call in ended], DURATION_BOUNDARIES_S)
            known = self.durations.setdefault(error_type, new)
            if known is not new:
                known.add(new)


class RedStates:
    """Adds up ended calls, and gives the metrics of those stages that have had some since the last time. Thread-safe.

    Without exemplars. For cumulative metrics with the boundaries that otelkit gives its durations; where readers or views want
    others, nothing but a collection will do.

    Args:
        resource: Of this process.
        scope: Of the metrics.
    """

    def __init__(self, resource: Resource, scope: InstrumentationScope) -> None:
        self._resource = resource
        self._scope = scope
        self._started_ns = time.time_ns()
        # Reentrant: a finalizer may end a call at any moment.
        self._lock = threading.RLock()
        self._known: dict[tuple[str, str], _State] = {}
        self._changed: dict[int, _State] = {}

    def settled(self, calls: Sequence[StageCall]) -> None:
        """Count calls that have ended."""
        groups: dict[StageSeries, list[StageCall]] = {}
        for call in calls:
            groups.setdefault(call.series, []).append(call)
        with self._lock:
            for series, group in groups.items():
                state = self._state(series)
                state.add(group)
                self._changed[state.number] = state

    def changed(self) -> list[tuple[int, MetricsData]]:
        """Return the metrics of each stage that has changed since the last time, with a number that stays the stage's."""
        with self._lock:
            states, self._changed = list(self._changed.values()), {}
            now_ns = time.time_ns()
            return [(state.number, self._metrics(state, now_ns)) for state in states]

    def _state(self, series: StageSeries) -> _State:
        key = (series.pipeline, series.stage.name)
        state = self._known.get(key)
        if state is None:
            attributes: dict[str, AttributeValue] = {names.PIPELINE_NAME: key[0], names.STAGE_NAME: key[1]}
            if len(self._known) >= MAX_STAGES:
                key, attributes = ("", ""), {names.METRIC_OVERFLOW: True}
            state = self._known.get(key) or self._known.setdefault(key, _State(len(self._known), attributes))
        return state

    def _metrics(self, state: _State, now_ns: int) -> MetricsData:
        durations = [
            HistogramDataPoint(
                attributes=state.attributes if error is None else {**state.attributes, names.ERROR_TYPE: error},
                start_time_unix_nano=self._started_ns,
                time_unix_nano=now_ns,
                count=values.count,
                sum=values.total,
                bucket_counts=list(values.counts),
                explicit_bounds=values.boundaries,
                min=values.low,
                max=values.high,
            )
            for error, values in state.durations.items()
        ]
        items = [
            NumberDataPoint({**state.attributes, names.ITEM_OUTCOME: outcome}, self._started_ns, now_ns, count)
            for outcome, count in zip(_OUTCOMES, state.items, strict=True)
            if count
        ]
        metrics = (
            _metric(names.METRIC_STAGE_DURATION, "s", Histogram(durations, _CUMULATIVE)),
            _metric(names.METRIC_STAGE_ITEMS, "{item}", Sum(items, _CUMULATIVE, is_monotonic=True)),
        )
        in_scope = ScopeMetrics(self._scope, metrics, self._scope.schema_url or "")
        return MetricsData((ResourceMetrics(self._resource, (in_scope,), self._resource.schema_url),))


def _metric(name: str, unit: str, data: Histogram | Sum) -> Metric:
    return Metric(name, names.meaning_of(name), unit, data)
