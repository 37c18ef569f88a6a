"""Everything that stages record, in memory."""

from __future__ import annotations

import contextlib
import logging
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otelkit import _current
from otelkit._assembly.judging import with_judge
from otelkit._builtin.describers import DESCRIBERS
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import Barrier
from otelkit._version import __version__
from otelkit.logs.handler import OtelkitHandler
from otelkit.metrics.batched import BatchedHistogram
from otelkit.metrics.instruments import build_instruments
from otelkit.metrics.red import RED_METRICS, RedObserver
from otelkit.model.blueprint import Offered
from otelkit.model.calls import StageCall
from otelkit.model.describers import Describer
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver
from otelkit.model.steps import SpanStep
from otelkit.spans.chain import Chain, Ended
from otelkit.spans.light_span import LightSpan
from otelkit.spans.light_spans import LightSpans
from otelkit.spans.stage_spans import SdkStageSpans
from otelkit.stages import measures, progress, workers
from otelkit.stages.gauges import QUEUE_AND_RUN_METRICS, QueueAndRunObserver
from otelkit.stages.runtime import Runtime
from otelkit.testing.ids import CountingIds
from otelkit.testing.points import Point, points_of
from otelkit.testing.switch import globally

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.trace.sampling import Sampler


T = TypeVar("T")


class Recorder:
    """Installs otelkit in this process for a ``with`` block and keeps all that is recorded.

    Stages make spans, metrics and log records as in production, but at once and without threads of otelkit's own.
    Spans of ``trace.get_tracer`` are recorded too, unless the program has set a tracer provider itself; so are log records of
    the standard library from ``log_level`` on. One recorder at a time; what a forked child records stays in the child.

    Args:
        steps: Span steps that every ended span passes, in the order of their phases and names.
        observers: See every call, besides otelkit's own.
        describers: By dotted type name, besides otelkit's own.
        metrics: What ``observers`` record.
        sampler: Decides which spans are recorded, as they start or at the end of their trace; None: all.
        pipeline: `pipeline.name` where nothing else says it.
        clock: Dates the spans of stages and measures their durations.
        log_level: The lowest level of log records kept.
    """

    def __init__(
        self,
        *,
        steps: Iterable[SpanStep] = (),
        observers: Iterable[CallObserver] = (),
        describers: Mapping[str, Describer] | None = None,
        metrics: Iterable[MetricSpec] = (),
        sampler: Sampler | None = None,
        pipeline: str = "pipeline",
        clock: Clock = SYSTEM_CLOCK,
        log_level: int = logging.INFO,
    ) -> None:
        self.spans: list[ReadableSpan] = []
        """Ended spans, in the order of their end, as the steps have left them."""
        self.calls: list[StageCall] = []
        """Ended stage calls, sampled or not."""
        ordered = sorted(steps, key=lambda step: (step.phase, step.name))
        sampler, ids = sampler or DEFAULT_ON, CountingIds()
        self._chain = Chain(with_judge([_offered(step) for step in ordered], sampler), self._keep)
        self._tracers = TracerProvider(sampler=sampler, id_generator=ids, shutdown_on_exit=False)
        self._tracers.add_span_processor(_ThroughChain(self._chain))
        self._metric_reader = InMemoryMetricReader()
        self._meters = MeterProvider([self._metric_reader], shutdown_on_exit=False)
        self._log_exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK's has no annotation
        self._loggers = LoggerProvider(shutdown_on_exit=False)
        self._loggers.add_log_record_processor(SimpleLogRecordProcessor(self._log_exporter))
        self._handler = OtelkitHandler(self._loggers, log_level)
        tracer = self._tracers.get_tracer("otelkit")
        watching = [RedObserver(clock), QueueAndRunObserver(BatchedHistogram, clock), _Keeper(self.calls), *observers]
        specs = {spec.name: spec for spec in (*RED_METRICS, *QUEUE_AND_RUN_METRICS, *metrics)}
        meter = self._meters.get_meter("otelkit")
        self._bindings = [(each, meter, specs) for each in watching]
        self.runtime = Runtime(
            spans=SdkStageSpans(tracer),
            observers=[_offered(each) for each in watching],
            describers={name: _offered(each) for name, each in {**DESCRIBERS, **(describers or {})}.items()},
            default_pipeline=pipeline,
            flush=self._flush,
            clock=clock,
            tracer=tracer,
            ended=self._ended,
        )
        """What is installed in the block."""
        self.runtime.use(
            LightSpans(
                ended=self._ended,
                faults=Barrier("light spans"),
                resource=lambda: self._tracers.resource,
                scope=InstrumentationScope("otelkit", __version__),
                sampler=sampler,
                id_generator=ids,
                started=self._chain.on_stage_start,
                clock=clock,
            )
        )
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Recorder:
        undo = self._undo
        undo.callback(setattr, _current, "runtime", _current.runtime)
        undo.callback(setattr, measures, "times", measures.times)
        for observer, meter, specs in self._bindings:
            observer.bind(meter, build_instruments(specs, meter))
        _current.runtime = self.runtime
        progress.forget()
        undo.callback(progress.forget)
        undo.enter_context(globally(self._tracers))
        if not workers.is_installed():
            workers.install()
            undo.callback(workers.uninstall)
        self._handler.attach()
        undo.callback(self._handler.detach)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._undo.close()

    @property
    def logs(self) -> Sequence[ReadableLogRecord]:
        """Log records, in their order."""
        return self._log_exporter.get_finished_logs()

    def named(self, name: str) -> list[ReadableSpan]:
        """Return the ended spans of this name."""
        return [span for span in self.spans if span.name == name]

    def span(self, name: str) -> ReadableSpan:
        """Return the one ended span of this name.

        Raises:
            AssertionError: There is none, or more than one.
        """
        found = self.named(name)
        assert len(found) == 1, f"{len(found)} spans are named {name!r}; recorded: {sorted(s.name for s in self.spans)}"
        return found[0]

    def tree(self) -> list[str]:
        """Return the ended spans as lines in the order of their start, each indented by two spaces below its parent."""
        by_id = {span_id_of(span): span for span in self.spans}
        paths = sorted((_path_of(span, by_id), span.name) for span in self.spans)
        return ["  " * (len(path) - 1) + name for path, name in paths]

    def points(self, metric: str) -> list[Point]:
        """Collect now; return the points of one metric."""
        return list(points_of(self._metric_reader.get_metrics_data(), metric))

    def _ended(self, call: StageCall) -> None:
        self.runtime.settle((call,))
        if isinstance(call, LightSpan) and call.sampled:
            self._chain.run((call,))

    def _keep(self, spans: Sequence[Ended]) -> None:
        self.spans.extend(each.readable() if isinstance(each, LightSpan) else each for each in spans)

    def _flush(self, timeout_s: float) -> bool:
        return True


def span_id_of(span: ReadableSpan) -> int:
    """Return a span's id; with `CountingIds` they are in the order of the spans' start."""
    assert span.context is not None
    return int(span.context.span_id)


def _path_of(span: ReadableSpan, by_id: Mapping[int, ReadableSpan]) -> tuple[int, ...]:
    """Return the ids from the outermost recorded ancestor down to the span."""
    path = [span_id_of(span)]
    while span.parent is not None and span.parent.span_id in by_id:
        path.append(span.parent.span_id)
        span = by_id[span.parent.span_id]
    return tuple(reversed(path))


def _offered(value: T) -> Offered[T]:
    return Offered("recorder", None, value)


class _Keeper(CallObserver):
    name = "recorder"

    def __init__(self, calls: list[StageCall]) -> None:
        self._calls = calls

    def closed(self, call: StageCall) -> None:
        self._calls.append(call)


class _ThroughChain(SpanProcessor):
    """Takes each span through the steps as soon as it ends."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._chain.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self._chain.run([span])
