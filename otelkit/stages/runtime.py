"""What decorated functions call when otelkit is installed: opens stage calls and ends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span, Tracer

from otelkit import names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import Barrier
from otelkit.model.blueprint import Offered
from otelkit.model.calls import AttributeValue, Outcome, Stage, StageCall
from otelkit.model.describers import Describer
from otelkit.model.observers import CallObserver
from otelkit.model.runtime import OpenCall
from otelkit.model.spans import StageSpans
from otelkit.stages import children
from otelkit.stages.calls import RecordedCall
from otelkit.stages.describe import Describers
from otelkit.stages.outcomes import record_error
from otelkit.stages.run_facts import run_of

# Any below: the user's own arguments.
_MIN_WAIT_NS: Final = 1_000_000
"""Waits shorter than a millisecond in sum are not worth an attribute on every span."""

_NO_ATTRIBUTES: Final[Mapping[str, AttributeValue]] = {}

_Notify = tuple[Callable[[StageCall], None], Barrier]


class Runtime:
    """Opens and ends stage calls. Implements `model.runtime.StageRuntime`; its methods never raise. Thread-safe.

    Args:
        spans: Makes the calls' spans.
        observers: See every call, sampled or not; each behind its own fault barrier.
        describers: By dotted type name.
        default_pipeline: `pipeline.name` of a stage that names none and runs outside `otelkit.run`.
        describe_arguments: Whether arguments become attributes.
        flush: Sends what is pending, within the given seconds; False if it could not.
        clock: Measures durations.
        tracer: Makes the root spans of runs; None: the global provider's.
    """

    def __init__(
        self,
        *,
        spans: StageSpans,
        observers: Sequence[Offered[CallObserver]],
        describers: Mapping[str, Offered[Describer]],
        default_pipeline: str,
        describe_arguments: bool = True,
        flush: Callable[[float], bool],
        clock: Clock = SYSTEM_CLOCK,
        tracer: Tracer | None = None,
    ) -> None:
        self.default_pipeline = default_pipeline
        self.tracer = tracer if tracer is not None else trace.get_tracer("otelkit")
        self.barriers: dict[str, Barrier] = {}
        """The fault barrier of each guarded part, by its name."""
        self._spans = spans
        self._flush = flush
        self._clock = clock
        self._own = self._barrier("stages", None)
        self._starting = self._barrier("stage spans", None)
        self.runs = self._barrier("run spans", None)
        """Contains what fails while the root span of a run is started or ended."""
        self._opened: list[_Notify] = []
        self._closed: list[_Notify] = []
        for offer in observers:
            barrier = self._barrier(f"observer {offer.value.name}", offer.distribution)
            # What an observer has not overridden is never called: it would cost every call of every stage.
            if type(offer.value).opened is not CallObserver.opened:
                self._opened.append((offer.value.opened, barrier))
            if type(offer.value).closed is not CallObserver.closed:
                self._closed.append((offer.value.closed, barrier))
        self._describers = Describers(describers, self.barriers, enabled=describe_arguments)

    def open(
        self,
        stage: Stage,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        parent: Context | None = None,
    ) -> OpenCall:
        """Start a call: its span, its attributes, and word to the observers."""
        context = get_current() if parent is None else parent
        run = run_of(context) if stage.pipeline is None else None
        pipeline = stage.pipeline or (run.pipeline if run is not None else self.default_pipeline)
        span = self._start_span(stage, pipeline, context)
        if span.is_recording():
            try:
                described = self._describers.describe(stage, args, kwargs)
                if described:
                    span.set_attributes(described)
            except Exception as error:  # noqa: BLE001 - the span may be a stranger's
                self._own.fault(error, "describe")
        record = StageCall(stage, pipeline, self._clock.monotonic_ns(), None)
        call = RecordedCall(record, span, context, self._finish, self._clock)
        for notify, barrier in self._opened:
            if not barrier.off:
                try:
                    notify(record)
                except Exception as error:  # noqa: BLE001 - a stranger's observer may raise anything
                    barrier.fault(error, "opened")
                else:
                    barrier.success()
        # Last, so that the duration is the user's code and not ours.
        record.start_ns = self._clock.monotonic_ns()
        return call

    def flush(self, timeout_s: float) -> bool:
        """Send what is pending; False if that did not succeed in time."""
        try:
            return self._flush(timeout_s)
        except Exception as error:  # noqa: BLE001 - exporters may raise anything
            self._own.fault(error, "flush")
            return False

    def _start_span(self, stage: Stage, pipeline: str, context: Context) -> Span:
        if not self._starting.off:
            try:
                span = self._spans.start(stage, pipeline, context, _NO_ATTRIBUTES)
            except RecursionError:
                pass  # the user's code is about to run into the limit itself; that is no fault of a span's
            except Exception as error:  # noqa: BLE001 - samplers and processors of the program's own provider run in here
                self._starting.fault(error, "start span")
            else:
                self._starting.success()
                return span
        # The stages inside still find their right ancestor.
        around = trace.get_current_span(context).get_span_context()
        return NonRecordingSpan(around) if around.is_valid else INVALID_SPAN

    def _finish(self, call: RecordedCall, record: StageCall) -> None:
        record.duration_ns = self._clock.monotonic_ns() - record.start_ns
        # Before the span, and whatever becomes of it: the counts are of what ran.
        for notify, barrier in self._closed:
            if not barrier.off:
                try:
                    notify(record)
                except Exception as fault:  # noqa: BLE001 - a stranger's observer may raise anything
                    barrier.fault(fault, "closed")
                else:
                    barrier.success()
        try:
            _end_span(call.span, record)
        except Exception as fault:  # noqa: BLE001 - processors of the program's own provider run in here
            self._own.fault(fault, "end span")
        else:
            self._own.success()
        if call.outermost and children.must_flush():
            self.flush(children.FLUSH_S)

    def _barrier(self, name: str, distribution: str | None) -> Barrier:
        barrier = self.barriers[name] = Barrier(name, distribution)
        return barrier


def _end_span(span: Span, record: StageCall) -> None:
    if span.is_recording():
        outcome = record.outcome or Outcome.OK
        attributes: dict[str, AttributeValue] = {names.STAGE_OUTCOME: outcome.value}
        if record.items_ok:
            attributes[names.ITEMS_OK] = record.items_ok
        if record.items_failed:
            attributes[names.ITEMS_FAILED] = record.items_failed
        if record.items_skipped:
            attributes[names.ITEMS_SKIPPED] = record.items_skipped
        if record.waited_ns >= _MIN_WAIT_NS:
            attributes[names.STAGE_WAIT_S] = record.waited_ns / 1e9
        if record.blocked_ns >= _MIN_WAIT_NS:
            attributes[names.STAGE_BLOCKED_S] = record.blocked_ns / 1e9
        if outcome is Outcome.ERROR and record.error is not None:
            attributes[names.ERROR_TYPE] = record.error_type or ""
            record_error(span, record.error)
        span.set_attributes(attributes)
    span.end()
