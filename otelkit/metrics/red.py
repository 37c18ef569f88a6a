"""Rate, errors and duration of every stage call, and how busy each stage is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from opentelemetry.metrics import NoOpHistogram

from otelkit import _current, names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import in_forked_child
from otelkit.metrics.boundaries import DURATION_BOUNDARIES_S
from otelkit.metrics.stage_books import StageBooks
from otelkit.model.calls import StageCall, StageSeries
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from otelkit.metrics.red_states import RedStates

_BY_STAGE: Final = (names.PIPELINE_NAME, names.STAGE_NAME)

RED_METRICS: Final = (
    MetricSpec(
        names.METRIC_STAGE_DURATION,
        "histogram",
        "s",
        names.meaning_of(names.METRIC_STAGE_DURATION),
        (*_BY_STAGE, names.ERROR_TYPE),
        DURATION_BOUNDARIES_S,
    ),
    MetricSpec(
        names.METRIC_STAGE_ACTIVE,
        "updown",
        "{call}",
        names.meaning_of(names.METRIC_STAGE_ACTIVE),
        _BY_STAGE,
        observed=True,
    ),
    MetricSpec(
        names.METRIC_STAGE_ITEMS,
        "counter",
        "{item}",
        names.meaning_of(names.METRIC_STAGE_ITEMS),
        (*_BY_STAGE, names.ITEM_OUTCOME),
        observed=True,
    ),
    MetricSpec(
        names.METRIC_STAGE_BUSY, "gauge", "1", names.meaning_of(names.METRIC_STAGE_BUSY), _BY_STAGE, observed=True
    ),
)
"""What `RedObserver` records."""


class RedObserver(CallObserver):
    """Records every stage call: a duration histogram, calls running, items, and the share of time spent busy.

    All from calls that have ended and from those that run when metrics are collected: nothing is done while a call starts or
    ends. The duration carries ``error.type`` on failed calls only, and of each batch of calls the slowest and the last sampled
    one are offered as exemplars. A generator's call lasts from its first value to its end, so that its consumer's time counts
    as busy too.

    Args:
        clock: The one that calls are timed with.
        series: Returns all stages that have calls running; None: those of the installed otelkit.
    """

    name = "red"

    def __init__(self, clock: Clock = SYSTEM_CLOCK, series: Callable[[], Iterable[StageSeries]] | None = None) -> None:
        self._clock = clock
        self._series = series or _installed
        self._binding = 0
        self._duration: Histogram = NoOpHistogram(names.METRIC_STAGE_DURATION)
        self._states: RedStates | None = None
        self._start_over()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        self._books = StageBooks(self._clock, self._duration)
        self._states = None

    def keep_states(self, resource: Resource, scope: InstrumentationScope) -> RedStates | None:
        """Keep what `settled` counts from now on in a second way as well; None if it has counted something already.

        Args:
            resource: Of this process.
            scope: Of the instruments that it records into.
        """
        # Here, since few processes need it: those that may be killed.
        from otelkit.metrics.red_states import RedStates

        self._states = RedStates(resource, scope) if self._books.empty else None
        return self._states

    def bind(self, meter: Meter, instruments: Mapping[str, object]) -> None:
        """Start to record into these instruments, from zero."""
        self._duration = cast("Histogram", instruments[names.METRIC_STAGE_DURATION])
        self._start_over()
        self._binding += 1

        def active() -> Iterable[Observation]:
            # Here, because it is the first that the SDK asks for.
            self._books.hand_over()
            return self._books.active(self._series())

        def items() -> Iterable[Observation]:
            return self._books.items()

        def busy() -> Iterable[Observation]:
            return self._books.busy(self._series())

        for create, metric, unit, source in (
            (meter.create_observable_up_down_counter, names.METRIC_STAGE_ACTIVE, "{call}", active),
            (meter.create_observable_counter, names.METRIC_STAGE_ITEMS, "{item}", items),
            (meter.create_observable_gauge, names.METRIC_STAGE_BUSY, "1", busy),
        ):
            create(metric, [self._reading(source, self._binding)], unit, names.meaning_of(metric))

    def settled(self, calls: Sequence[StageCall]) -> None:
        """Count calls that have ended and record their durations."""
        self._books.settled(calls)
        if self._states is not None:
            # Afterwards: what is in these is in whatever is collected from now on.
            self._states.settled(calls)

    def _reading(
        self, source: Callable[[], Iterable[Observation]], binding: int
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        # Instruments that were bound before read nothing: a forked child's counts are not the parent's.
        return lambda _options: source() if self._binding == binding else ()


def _installed() -> Iterable[StageSeries]:
    runtime = _current.runtime
    return runtime.series() if runtime is not None else ()
