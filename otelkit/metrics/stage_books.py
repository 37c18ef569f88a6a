"""What is known of each stage's calls in this process: how long they took, what runs, items, and the time spent busy."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Final

from opentelemetry.context import Context
from opentelemetry.metrics import Histogram, Observation
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otelkit import names
from otelkit._clock import Clock
from otelkit.metrics.batched import BatchedHistogram, HistogramSeries, MakeContext
from otelkit.metrics.boundaries import DURATION_BOUNDARIES_S
from otelkit.model.calls import AttributeValue, StageCall, StageSeries

MAX_STAGES: Final = 2000
"""Stages kept apart; OpenTelemetry's own default limit of attribute sets per metric."""
MAX_ERROR_TYPES: Final = 100
"""Error types kept apart in one stage."""
_MIN_WINDOW_NS: Final = 50_000_000
"""Shortest time over which a share of wall time is computed: two readers that collect at once get the same answer."""
_MAX_AROUND: Final = 64
"""How many calls around one are looked at for one of the same stage."""
_duration_of: Final = attrgetter("duration_ns")
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


class StageBook:
    """The account of one stage. Changed under the lock of its `StageBooks`."""

    __slots__ = (
        "_durations",
        "_errors",
        "attributes",
        "busy_ns",
        "busy_share",
        "counts",
        "item_attributes",
        "read_busy_ns",
    )

    def __init__(self, attributes: Mapping[str, AttributeValue], durations: BatchedHistogram) -> None:
        self.attributes = attributes
        """Of calls that went well; shared, never changed."""
        self.item_attributes = tuple(
            {**attributes, names.ITEM_OUTCOME: outcome} for outcome in ("ok", "failed", "skipped")
        )
        self.counts = [0, 0, 0]
        """Items handled so far: ok, failed, skipped."""
        self.busy_ns = 0
        """In ended calls."""
        self.read_busy_ns = 0
        """As last read, running calls included."""
        self.busy_share = 0.0
        """As last read; 2.0 means that two workers were never idle."""
        self._durations = durations
        self._errors: dict[str | None, HistogramSeries] = {None: durations.series(attributes)}

    def durations(self, error_type: str | None) -> HistogramSeries:
        """Return the durations of calls that ended with ``error_type``; None: without an error."""
        known = self._errors.get(error_type)
        if known is None:
            if error_type is None or len(self._errors) > MAX_ERROR_TYPES:
                error_type = names.ERROR_TYPE_OTHER
            attributes = {**self.attributes, names.ERROR_TYPE: error_type}
            known = self._errors.get(error_type) or self._errors.setdefault(
                error_type, self._durations.series(attributes)
            )
        return known


class StageBooks:
    """The books of all stages since one moment. Thread-safe. Made anew in a forked child, whose calls are its own.

    Args:
        clock: The one that calls are timed with.
        histogram: Takes the durations, in seconds.
    """

    def __init__(self, clock: Clock, histogram: Histogram) -> None:
        self._clock = clock
        self._read_at_ns = clock.monotonic_ns()
        self._books: dict[tuple[str, str], StageBook] = {}
        self._durations = BatchedHistogram(histogram, DURATION_BOUNDARIES_S)
        # Reentrant: a finalizer may end a call at any moment.
        self._lock = threading.RLock()

    @property
    def empty(self) -> bool:
        """Whether no call was counted yet."""
        return not self._books

    def settled(self, calls: Sequence[StageCall]) -> None:
        """Count calls that have ended."""
        groups: dict[StageSeries, list[StageCall]] = {}
        for call in calls:
            try:
                groups[call.series].append(call)
            except KeyError:
                groups[call.series] = [call]
        for series, group in groups.items():
            with self._lock:
                book = self._book(series)
                _add(book, group)
            # Outside the lock: where views differ, the SDK takes the values one by one, under locks of its own.
            for error_type, ended in by_error(group).items():
                with self._lock:
                    histogram = book.durations(error_type)
                histogram.put([call.duration_ns / 1e9 for call in ended], _exemplars(ended))

    def hand_over(self) -> None:
        """Give the SDK the durations there are; to be called from a callback of the provider that collects."""
        self._durations.hand_over()

    def active(self, known: Iterable[StageSeries]) -> Iterator[Observation]:
        """Yield the calls running now, by stage.

        Args:
            known: All that have calls running.
        """
        with self._lock:
            running = dict.fromkeys(self._books.values(), 0)
            for series in known:
                book = self._book(series)
                running[book] = running.get(book, 0) + len(series.running)
        for book, count in running.items():
            yield Observation(count, book.attributes)

    def items(self) -> Iterator[Observation]:
        """Yield the items handled so far, by stage and outcome; outcomes that never happened are left out."""
        for book in list(self._books.values()):
            for count, attributes in zip(book.counts, book.item_attributes, strict=True):
                if count:
                    yield Observation(count, attributes)

    def busy(self, known: Iterable[StageSeries]) -> Iterator[Observation]:
        """Yield the share of wall time since the last reading in which a stage ran, summed over its workers, by stage.

        A call that still runs counts up to now. Of calls of one stage inside each other the outermost counts.
        """
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            window_ns = now_ns - self._read_at_ns
            if window_ns >= _MIN_WINDOW_NS:
                self._read_at_ns = now_ns
                busy_ns = {book: book.busy_ns for book in self._books.values()}
                for series in known:
                    book = self._book(series)
                    running_ns = sum(_alone_ns(call, now_ns) for call in series.running.copy())
                    busy_ns[book] = busy_ns.get(book, book.busy_ns) + running_ns
                for book, sum_ns in busy_ns.items():
                    # Less than before: a call has ended and is not settled yet. It counts the next time.
                    new_ns = max(0, sum_ns - book.read_busy_ns)
                    book.busy_share = new_ns / window_ns
                    book.read_busy_ns += new_ns
            shares = [Observation(book.busy_share, book.attributes) for book in self._books.values()]
        yield from shares

    def _book(self, series: StageSeries) -> StageBook:
        key = (series.pipeline, series.stage.name)
        book = self._books.get(key)
        if book is None:
            attributes: dict[str, AttributeValue] = {names.PIPELINE_NAME: key[0], names.STAGE_NAME: key[1]}
            if len(self._books) >= MAX_STAGES:
                # Names made up at run time must not fill the memory; what they count stays in the totals.
                key, attributes = ("", ""), {names.METRIC_OVERFLOW: True}
            book = self._books.get(key) or self._books.setdefault(key, StageBook(attributes, self._durations))
        return book


def _add(book: StageBook, calls: Sequence[StageCall]) -> None:
    """Count the items and the time of calls of one stage."""
    # Column by column, which is half the work of call by call.
    for number, column in enumerate(zip(*[call.items() for call in calls], strict=True)):
        book.counts[number] += sum(column)
    book.busy_ns += sum([call.duration_ns for call in calls])
    for call in [call for call in calls if call.enclosing is not None]:
        book.busy_ns -= call.duration_ns - _alone_ns(call, call.start_ns + call.duration_ns)


def by_error(calls: Sequence[StageCall]) -> dict[str | None, list[StageCall]]:
    """Return the calls of one stage by error type; None: without an error."""
    fine = [call for call in calls if call.error_type is None]
    groups: dict[str | None, list[StageCall]] = {None: fine} if fine else {}
    if len(fine) < len(calls):
        for call in calls:
            if call.error_type is not None:
                groups.setdefault(call.error_type, []).append(call)
    return groups


def _alone_ns(call: StageCall, end_ns: int) -> int:
    """Return the time of a call, up to ``end_ns``, in which no call of the same stage ran around it.

    A task that a call has started may outlive it.
    """
    begin_ns = call.start_ns
    around = call.enclosing
    for _ in range(_MAX_AROUND):
        if around is None:
            break
        if around.series is call.series:
            if around.duration_ns < 0:
                return 0
            begin_ns = max(begin_ns, around.start_ns + around.duration_ns)
        around = around.enclosing
    return max(0, end_ns - begin_ns)


def _exemplars(calls: Sequence[StageCall]) -> dict[float, MakeContext]:
    """Return what makes the contexts of the slowest and of the last sampled call, by their durations in seconds."""
    sampled = [call for call in calls if call.sampled]
    if not sampled:
        return {}
    # With the ids instead of the call: it is not to live on.
    return {
        call.duration_ns / 1e9: partial(_context_of, call.trace_id, call.span_id)
        for call in (max(sampled, key=_duration_of), sampled[-1])
    }


def _context_of(trace_id: int, span_id: int) -> Context:
    span = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED))
    return set_span_in_context(span, Context())
