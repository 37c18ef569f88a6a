"""Rate, errors and duration of every stage call, and how busy each stage is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, cast

from otelkit import names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import in_forked_child
from otelkit.metrics.boundaries import DURATION_BOUNDARIES_S
from otelkit.metrics.in_collection import in_collection, watch
from otelkit.metrics.stage_books import StageBooks
from otelkit.model.calls import AttributeValue, StageCall
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation

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


_Ended = tuple[float, Mapping[str, AttributeValue], "Context | None"]
"""Duration in seconds, attributes, context."""


class RedObserver(CallObserver):
    """Records every stage call: a duration histogram, calls running, items, and the share of time spent busy.

    The duration carries ``error.type`` on failed calls only, and an exemplar where the call's span is sampled. The other
    three cost a few additions per call and are read from those sums when metrics are collected.
    A generator's call lasts from its first value to its end, so that its consumer's time counts as busy too.
    """

    name = "red"

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._duration: Histogram | None = None
        self._start_over()
        watch()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        self._books = StageBooks(self._clock)
        self._put_off: deque[_Ended] = deque()

    def bind(self, meter: Meter, instruments: Mapping[str, object]) -> None:
        """Start to record into these instruments, from zero."""
        self._start_over()
        # The callbacks hold these books: a parent's instruments never read a child's books.
        books, settle = self._books, self._settle

        def active() -> Iterable[Observation]:
            settle()
            return books.active()

        meter.create_observable_up_down_counter(
            names.METRIC_STAGE_ACTIVE, [_reading(active)], "{call}", names.meaning_of(names.METRIC_STAGE_ACTIVE)
        )
        meter.create_observable_counter(
            names.METRIC_STAGE_ITEMS, [_reading(books.items)], "{item}", names.meaning_of(names.METRIC_STAGE_ITEMS)
        )
        meter.create_observable_gauge(
            names.METRIC_STAGE_BUSY, [_reading(books.busy)], "1", names.meaning_of(names.METRIC_STAGE_BUSY)
        )
        self._duration = cast("Histogram", instruments[names.METRIC_STAGE_DURATION])

    def opened(self, call: StageCall) -> None:
        """Count a call that runs."""
        self._books.open(call)

    def closed(self, call: StageCall) -> None:
        """Count a call that has ended and record its duration."""
        book = self._books.book_of(call)
        if not book.close(call):
            return
        ended = (call.duration_ns / 1e9, book.attributes_for(call.error_type), call.scope)
        if in_collection():
            self._put_off.append(ended)
            return
        if self._put_off:
            self._settle()
        if self._duration is not None:
            self._duration.record(ended[0], ended[1], context=ended[2])

    def _settle(self) -> None:
        """Record what ended while the collector ran."""
        while self._put_off and not in_collection():
            try:
                duration_s, attributes, context = self._put_off.popleft()
            except IndexError:  # another thread was faster
                return
            if self._duration is not None:
                self._duration.record(duration_s, attributes, context=context)


def _reading(source: Callable[[], Iterable[Observation]]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _options: source()
