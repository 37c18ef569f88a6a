"""Stage calls whose spans are somebody else's: a provider's that the program has set."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span

from otelkit import names
from otelkit._clock import Clock
from otelkit._guard import Barrier
from otelkit.model.calls import AttributeValue, Outcome, StageCall, StageSeries, error_type_of, outcome_of
from otelkit.model.contexts import CALL_KEY, NO_SCOPE, SPAN_KEY
from otelkit.model.error_facts import record_error
from otelkit.model.spans import StageSpans
from otelkit.model.stage_attributes import last_attributes


class SpannedCall(StageCall):
    """A stage call beside its span, which may be of any kind."""

    __slots__ = ("_owner", "_span")

    def __init__(self, owner: SpannedCalls, series: StageSeries, span: Span, context: Context, start_ns: int) -> None:
        self._owner = owner
        self.series = series
        self._span = span
        enclosing = context.get(CALL_KEY)
        self.enclosing = enclosing if isinstance(enclosing, StageCall) else None
        self.start_ns = start_ns
        self.duration_ns = -1
        self.outcome = None
        self.scope = Context({**context, SPAN_KEY: span, CALL_KEY: self})

    @property
    def span(self) -> Span:
        """The call's span; a non-recording one if it is not sampled."""
        return self._span

    @property
    def sampled(self) -> bool:
        """Whether the span will be exported."""
        return self.span.get_span_context().trace_flags.sampled

    @property
    def recording(self) -> bool:
        """Whether attributes are kept."""
        return self.span.is_recording()

    @property
    def trace_id(self) -> int:
        """128 bits; 0 where there is no trace."""
        return self.span.get_span_context().trace_id

    @property
    def span_id(self) -> int:
        """64 bits; 0 where there is no span."""
        return self.span.get_span_context().span_id

    @property
    def item_id(self) -> str | None:
        """The item it handles now, as far as its span says it."""
        attributes = getattr(self.span, "attributes", None)
        said = attributes.get(names.ITEM_ID) if isinstance(attributes, Mapping) else None
        return said if isinstance(said, str) else None

    def describe(self, item: str | None, described: list[tuple[str, AttributeValue]] | None) -> None:
        """Put the item's id and what the arguments say on the span."""
        attributes = dict(described or ())
        if item is not None:
            attributes[names.ITEM_ID] = item
        self.span.set_attributes(attributes)

    def set(self, key: str, value: AttributeValue) -> None:
        """Put an attribute on the span; after the call's end this does nothing."""
        if self.duration_ns < 0:
            self.span.set_attribute(key, value)

    def close(self, error: BaseException | None = None) -> None:
        """End the call. Repeated calls do nothing."""
        if self.duration_ns >= 0:
            return
        self.duration_ns = self.now() - self.start_ns
        self.series.running.discard(self)
        self.error = error
        self.outcome = outcome_of(error)
        if error is not None and self.outcome is Outcome.ERROR:
            self.error_type = error_type_of(error)
        self._owner.closed(self)
        # Forgotten, since both would make a cycle of every call: the context holds the call, the error's frames do.
        self.scope = NO_SCOPE
        self.error = None
        self._owner.ended(self)

    @property
    def now(self) -> Callable[[], int]:
        """Returns monotonic nanoseconds."""
        return self._owner.clock.monotonic_ns


class SpannedCalls:
    """Opens stage calls with spans of a tracer. Implements `model.spans.CallOpener`.

    Args:
        spans: Makes the spans.
        clock: Measures durations.
        starting: Contains what fails while a span starts; the call goes on without one.
        ending: Contains what fails while a span ends.
        closed: Shows a call to those who look at once, before its span ends.
        ended: Takes each call that has ended.
    """

    def __init__(
        self,
        spans: StageSpans,
        clock: Clock,
        *,
        starting: Barrier,
        ending: Barrier,
        closed: Callable[[StageCall], None],
        ended: Callable[[StageCall], object],
    ) -> None:
        self._spans = spans
        self.clock = clock
        self._starting = starting
        self._ending = ending
        self._closed = closed
        self.ended = ended

    def open(self, series: StageSeries, context: Context, run_id: str | None) -> SpannedCall:
        """Open a call below what is current in ``context``; its run id is written by whoever sees its span start."""
        del run_id
        return self._opened(series, context, self._start_span(series, context))

    def open_spanless(self, series: StageSeries, context: Context) -> SpannedCall:
        """Open a call that has no span of its own; the calls inside it still find their right ancestor."""
        return self._opened(series, context, _around(context))

    def closed(self, call: SpannedCall) -> None:
        """End the call's span, after those have seen it who look at once: the counts are of what ran."""
        self._closed(call)
        try:
            _end_span(call)
        except Exception as fault:  # noqa: BLE001 - processors of the program's own provider run in here
            self._ending.fault(fault, "end span")
        else:
            self._ending.success()

    def _opened(self, series: StageSeries, context: Context, span: Span) -> SpannedCall:
        call = SpannedCall(self, series, span, context, self.clock.monotonic_ns())
        series.running.add(call)
        return call

    def _start_span(self, series: StageSeries, context: Context) -> Span:
        if not self._starting.off:
            try:
                span = self._spans.start(series.stage, series.pipeline, context)
            except RecursionError:
                pass  # the user's code is about to run into the limit itself; that is no fault of a span's
            except Exception as error:  # noqa: BLE001 - samplers and processors of the program's own provider run in here
                self._starting.fault(error, "start span")
            else:
                self._starting.success()
                return span
        return _around(context)


def current_call() -> StageCall | None:
    """Return the stage call whose code runs here, if any."""
    call = get_current().get(CALL_KEY)
    return call if isinstance(call, StageCall) else None


def _around(context: Context) -> Span:
    """Return what stands for the surrounding span, where a call has none."""
    around = trace.get_current_span(context).get_span_context()
    return NonRecordingSpan(around) if around.is_valid else INVALID_SPAN


def _end_span(call: SpannedCall) -> None:
    span = call.span
    if span.is_recording():
        if call.error_type is not None and call.error is not None:
            record_error(span, call.error)
        span.set_attributes(dict(last_attributes(call)))
    span.end()
