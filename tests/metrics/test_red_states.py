"""The durations and items of stages past the SDK."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otelkit import names
from otelkit.metrics import RED_METRICS, RedObserver, build_instruments
from otelkit.metrics.red_states import RedStates
from otelkit.metrics.stage_books import MAX_ERROR_TYPES, MAX_STAGES
from otelkit.model.calls import Stage, StageKind, StageSeries
from otelkit.testing import MadeCall

SCOPE = InstrumentationScope("otelkit", "1")
RESOURCE = Resource({"service.name": "s"})


def series(stage: str, pipeline: str = "p") -> StageSeries:
    return StageSeries(Stage(stage, StageKind.FUNCTION), pipeline)


def ended(of: StageSeries, error: Exception | None = None) -> MadeCall:
    call = MadeCall(of.stage, of.pipeline, series=of)
    call.end(error)
    return call


def points(data: Iterable[MetricsData]) -> dict[str, Any]:
    """Return every point of durations and items by metric and attributes, without its times and exemplars."""
    found: dict[str, Any] = {}
    for each in data:
        for in_resource in json.loads(each.to_json())["resource_metrics"]:
            for in_scope in in_resource["scope_metrics"]:
                for metric in in_scope["metrics"]:
                    if metric["name"] not in (names.METRIC_STAGE_DURATION, names.METRIC_STAGE_ITEMS):
                        continue
                    said = {key: value for key, value in metric.items() if key != "data"}
                    said |= {key: value for key, value in metric["data"].items() if key != "data_points"}
                    said["resource"], said["scope"] = in_resource["resource"]["attributes"], in_scope["scope"]["name"]
                    for point in metric["data"]["data_points"]:
                        for key in ("start_time_unix_nano", "time_unix_nano", "exemplars"):
                            point.pop(key)
                        point.pop("sum", None)  # floats add up to something else in another order
                        found[f"{metric['name']} {sorted(point['attributes'].items())}"] = {**said, **point}
    return found


@settings(max_examples=40)
@given(
    batches=some.lists(
        some.lists(some.tuples(some.sampled_from("abc"), some.sampled_from([None, ValueError("x"), KeyError("y")])))
    )
)
def test_it_says_the_same_as_the_sdk(batches: list[list[tuple[str, Exception | None]]]) -> None:
    """Point by point: whoever adds up what killed and other processes say sees no difference."""
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], RESOURCE, shutdown_on_exit=False).get_meter("otelkit", "1")
    observer = RedObserver(series=lambda: ())
    observer.bind(meter, build_instruments({spec.name: spec for spec in RED_METRICS}, meter))
    states = observer.keep_states(RESOURCE, SCOPE)
    assert states is not None
    known = {name: series(name) for name in "abc"}
    last: dict[int, MetricsData] = {}
    for batch in batches:
        observer.settled([ended(known[name], error) for name, error in batch])
        last.update(states.changed())
    collected = reader.get_metrics_data()

    assert points(last.values()) == points([collected] if collected is not None else [])


def test_only_what_has_changed_is_given() -> None:
    """Each stage by a number that stays its own."""
    states, first, second = RedStates(RESOURCE, SCOPE), series("first"), series("second")
    states.settled([ended(first), ended(second)])
    both = [number for number, _ in states.changed()]
    states.settled([ended(second)])

    assert both == [0, 1]
    assert [number for number, _ in states.changed()] == [1]
    assert states.changed() == []


def test_what_a_program_makes_up_does_not_fill_the_memory() -> None:
    """Neither stages nor error types: what is beyond the limit is counted together, as elsewhere."""
    states, kinds = RedStates(RESOURCE, SCOPE), series("raises")
    states.settled([ended(kinds, type(f"Error{number}", (Exception,), {})()) for number in range(MAX_ERROR_TYPES + 50)])
    states.settled([ended(series(f"stage{number}")) for number in range(MAX_STAGES + 50)])
    found = points(data for _, data in states.changed())
    counts = [point["count"] for point in found.values() if point["name"] == names.METRIC_STAGE_DURATION]

    assert sum(counts) == MAX_ERROR_TYPES + MAX_STAGES + 100
    assert max(counts) >= 50
    assert len(counts) <= MAX_ERROR_TYPES + MAX_STAGES + 3


def test_what_was_counted_before_is_not_left_out() -> None:
    """A process that multiprocessing has started anew may have run stages before it learns that it is a child."""
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("otelkit")
    observer = RedObserver(series=lambda: ())
    observer.bind(meter, build_instruments({spec.name: spec for spec in RED_METRICS}, meter))
    observer.settled([ended(series("early"))])

    assert observer.keep_states(RESOURCE, SCOPE) is None
