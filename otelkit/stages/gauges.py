"""The metrics of watched queues and of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from opentelemetry.metrics import CallbackOptions, Observation

from otelkit import _current, names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit.model.calls import StageCall
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver
from otelkit.stages import links, measures, progress, queues
from otelkit.stages.queue_times import GET, PUT, WaitHistogram
from otelkit.stages.stage_times import StageTimes

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter

WAIT_BOUNDARIES_S: Final = (
    *(0.0, 0.00001, 0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
"""Upper bounds in seconds: an item may be there already, or the other side may be stuck."""

QUEUE_AND_RUN_METRICS: Final = (
    MetricSpec(
        names.METRIC_QUEUE_DEPTH,
        "gauge",
        "{item}",
        names.meaning_of(names.METRIC_QUEUE_DEPTH),
        (names.QUEUE_NAME,),
        observed=True,
    ),
    MetricSpec(
        names.METRIC_QUEUE_CAPACITY,
        "gauge",
        "{item}",
        names.meaning_of(names.METRIC_QUEUE_CAPACITY),
        (names.QUEUE_NAME,),
        observed=True,
    ),
    MetricSpec(
        names.METRIC_QUEUE_WAIT,
        "histogram",
        "s",
        names.meaning_of(names.METRIC_QUEUE_WAIT),
        (names.QUEUE_NAME, names.LABEL_OPERATION),
        WAIT_BOUNDARIES_S,
    ),
    MetricSpec(
        names.METRIC_QUEUE_TIME,
        "counter",
        "s",
        names.meaning_of(names.METRIC_QUEUE_TIME),
        (names.QUEUE_NAME, names.QUEUE_STATE),
        observed=True,
    ),
    MetricSpec(
        names.METRIC_STAGE_TIME,
        "counter",
        "s",
        names.meaning_of(names.METRIC_STAGE_TIME),
        (names.PIPELINE_NAME, names.STAGE_NAME, names.STAGE_STATE, names.QUEUE_NAME),
        observed=True,
    ),
    MetricSpec(
        names.METRIC_STAGE_SHARED,
        "gauge",
        "1",
        names.meaning_of(names.METRIC_STAGE_SHARED),
        (names.PIPELINE_NAME, names.STAGE_NAME, names.STAGE_OTHER),
        observed=True,
    ),
    MetricSpec(
        names.METRIC_RUN_PROGRESS,
        "gauge",
        "{item}",
        names.meaning_of(names.METRIC_RUN_PROGRESS),
        (names.PIPELINE_NAME,),
        observed=True,
    ),
    MetricSpec(
        names.METRIC_RUN_TOTAL,
        "gauge",
        "{item}",
        names.meaning_of(names.METRIC_RUN_TOTAL),
        (names.PIPELINE_NAME,),
        observed=True,
    ),
)
"""What `QueueAndRunObserver` records."""


_STATES: Final = {PUT: "full", GET: "empty"}


class QueueAndRunObserver(CallObserver):
    """Reports watched queues, runs, and how stages spend their time.

    Args:
        batched: Makes a histogram with these boundaries take values in batches.
        clock: The one that calls are timed with.
    """

    name = "queues_and_runs"

    def __init__(
        self, batched: Callable[[Histogram, tuple[float, ...]], WaitHistogram], clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._batched = batched
        self._clock = clock

    def bind(self, meter: Meter, instruments: Mapping[str, object]) -> None:
        """Report to these instruments from now on."""
        for key, callback in (
            (names.METRIC_QUEUE_DEPTH, _depths),
            (names.METRIC_QUEUE_CAPACITY, _capacities),
            (names.METRIC_RUN_PROGRESS, _progresses),
            (names.METRIC_RUN_TOTAL, _totals),
        ):
            meter.create_observable_gauge(key, [callback], "{item}", names.meaning_of(key))
        # The callback holds these: instruments that were bound before read no times of ours.
        wait = cast("Histogram", instruments[names.METRIC_QUEUE_WAIT])
        times = measures.times = StageTimes(self._clock, self._batched(wait, WAIT_BOUNDARIES_S))

        def shared(_options: CallbackOptions) -> Iterator[Observation]:
            return times.crews.observations()

        def stage_times(_options: CallbackOptions) -> Iterator[Observation]:
            runtime = _current.runtime
            return times.observations(runtime.series() if runtime is not None else ())

        def queue_times(_options: CallbackOptions) -> Iterator[Observation]:
            times.hand_over()
            for queue in times.queues():
                for operation, side in queue.sides():
                    seconds = side.waited_ns(times.now_ns()) / 1e9
                    yield Observation(seconds, {names.QUEUE_NAME: queue.name, names.QUEUE_STATE: _STATES[operation]})

        for counter, callback in ((names.METRIC_QUEUE_TIME, queue_times), (names.METRIC_STAGE_TIME, stage_times)):
            meter.create_observable_counter(counter, [callback], "s", names.meaning_of(counter))
        key = names.METRIC_STAGE_SHARED
        meter.create_observable_gauge(key, [shared], "1", names.meaning_of(key))
        links.forget()

    def settled(self, calls: Sequence[StageCall]) -> None:
        """Add the calls' time to their stages'."""
        measures.times.settled(calls)


def _depths(_options: CallbackOptions) -> Iterator[Observation]:
    for watched in queues.watched_queues():
        depth = queues.depth_of(watched)
        if depth is not None:
            yield Observation(depth, {names.QUEUE_NAME: queues.name_of(watched)})


def _capacities(_options: CallbackOptions) -> Iterator[Observation]:
    for watched in queues.watched_queues():
        capacity = queues.capacity_of(watched)
        if capacity is not None:
            yield Observation(capacity, {names.QUEUE_NAME: queues.name_of(watched)})


def _progresses(_options: CallbackOptions) -> Iterator[Observation]:
    for each in progress.reported():
        yield Observation(each.done, {names.PIPELINE_NAME: each.pipeline})


def _totals(_options: CallbackOptions) -> Iterator[Observation]:
    for each in progress.reported():
        if each.total is not None:
            yield Observation(each.total, {names.PIPELINE_NAME: each.pipeline})
