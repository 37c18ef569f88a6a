"""One small function, instrumented in every way that is compared; whatever is exported is counted and thrown away."""

from __future__ import annotations

import importlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from opentelemetry import context, metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from benchmarks.catalogue import Unavailable

FLUSH_MS = 30_000


def work(path: str) -> int:
    """Do next to nothing, so that a call costs what its instrumentation costs."""
    return len(path)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A way to instrument `work`."""

    call: Callable[[str], int]
    flush: Callable[[], object] = lambda: None
    """Export what is pending."""
    exported: Callable[[], int] = lambda: 0
    """Spans that have left so far."""
    makes_spans: bool = False
    """Whether each call is to become a span that leaves."""
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    """What surrounds the calls of one turn."""


class CountingExporter(SpanExporter):
    """Counts spans and forgets them."""

    def __init__(self) -> None:
        self.count = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.count += len(spans)
        return SpanExportResult.SUCCESS


class CountingProcessor(SpanProcessor):
    """Counts spans at the end of otelkit's chain, where its exporters stand."""

    def __init__(self) -> None:
        self.count = 0

    def on_start(self, span: Span, parent_context: context.Context | None = None) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:
        self.count += 1


@contextmanager
def not_sampled() -> Iterator[None]:
    """Put a remote parent in force that was not sampled, as upstream services send it."""
    parent = trace.SpanContext(trace_id=1 << 64, span_id=1, is_remote=True, trace_flags=trace.TraceFlags(0))
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(parent)))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def not_configured() -> Iterator[None]:
    """Take otelkit's runtime away for a while: the state of a program that decorates and never configures."""
    from otelkit import _current

    runtime, _current.runtime = _current.runtime, None
    try:
        yield
    finally:
        _current.runtime = runtime


def stock() -> dict[str, Contestant]:
    """Return OpenTelemetry's own SDK: a span by hand, and a span with the histogram that a stage records too."""
    exporter = CountingExporter()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("benchmark")
    meter = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False).get_meter("benchmark")
    duration = meter.create_histogram("duration", "s")
    attributes = {"pipeline.name": "benchmark", "pipeline.stage.name": "work"}

    def span(path: str) -> int:
        with tracer.start_as_current_span("work", attributes={**attributes, "path": path}):
            return work(path)

    def span_and_histogram(path: str) -> int:
        with tracer.start_as_current_span("work", attributes={**attributes, "path": path}):
            began = time.perf_counter()
            try:
                return work(path)
            finally:
                duration.record(time.perf_counter() - began, attributes)

    def flush() -> object:
        return provider.force_flush(FLUSH_MS)

    def exported() -> int:
        return exporter.count

    return {
        "stock SDK span, not sampled": Contestant(span, around=not_sampled),
        "stock SDK span": Contestant(span, flush, exported, makes_spans=True),
        "stock SDK span + histogram": Contestant(span_and_histogram, flush, exported, makes_spans=True),
    }


def ours() -> dict[str, Contestant]:
    """Return otelkit as ``configure`` installs it, with all its metrics, spans counted where exporters stand."""
    import otelkit

    # The program's own provider is used as it is: the metrics are aggregated and read by nobody, as in `stock`.
    metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False))
    exported = CountingProcessor()
    otelkit.configure(span_processors=[exported], stages=[], log_correlation=False)
    stage = otelkit.stage("work", pipeline="benchmark")(work)

    def flush() -> object:
        return otelkit.flush(FLUSH_MS / 1000)

    return {
        "otelkit stage, not configured": Contestant(stage, around=not_configured),
        "otelkit stage, not sampled": Contestant(stage, around=not_sampled),
        "otelkit stage": Contestant(stage, flush, lambda: exported.count, makes_spans=True),
    }


def logfire_() -> dict[str, Contestant]:
    """Return logfire's decorator, sending nowhere and printing nothing.

    Raises:
        Unavailable: It is not installed.
    """
    try:
        logfire = importlib.import_module("logfire")
    except ImportError as error:
        raise Unavailable("logfire is not installed") from error
    exporter = CountingExporter()
    instance = logfire.configure(
        local=True,
        send_to_logfire=False,
        console=False,
        metrics=False,
        inspect_arguments=False,
        additional_span_processors=[BatchSpanProcessor(exporter)],
    )
    return {
        "logfire.instrument": Contestant(
            instance.instrument("work {path}")(work),
            lambda: instance.force_flush(FLUSH_MS),
            lambda: exporter.count,
            makes_spans=True,
        )
    }


def ddtrace_() -> dict[str, Contestant]:
    """Return ddtrace's decorator without an agent: a trace filter takes everything out before it would be sent.

    Raises:
        Unavailable: It is not installed.
    """
    os.environ.update(DD_INSTRUMENTATION_TELEMETRY_ENABLED="false", DD_REMOTE_CONFIGURATION_ENABLED="false")
    try:
        datadog = importlib.import_module("ddtrace.trace")
    except ImportError as error:
        raise Unavailable("ddtrace is not installed") from error

    class Discard(datadog.TraceFilter):  # type: ignore[misc, name-defined]  # known only where ddtrace is installed
        count = 0

        def process_trace(self, spans: list[object]) -> None:
            self.count += len(spans)

    discard = Discard()
    datadog.tracer.configure(trace_processors=[discard])
    return {
        "ddtrace tracer.wrap": Contestant(
            datadog.tracer.wrap("work")(work), exported=lambda: discard.count, makes_spans=True
        )
    }


def all_contestants() -> tuple[dict[str, Contestant], list[str]]:
    """Return everything that can be compared here, and one sentence for each peer that cannot."""
    for variable in [name for name in os.environ if name.startswith(("OTEL_", "DD_", "LOGFIRE_"))]:
        del os.environ[variable]
    os.environ.update(OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none")
    # A processor whose queue is full says so once per span; the table says it in its own column.
    logging.getLogger("opentelemetry.sdk").setLevel(logging.CRITICAL)
    contestants = {"bare function": Contestant(work)}
    absent = []
    for make in (ours, stock, logfire_, ddtrace_):
        try:
            contestants |= make()
        except Unavailable as error:
            absent.append(f"{error}, so it is left out; `make bench` brings it.")
    return contestants, absent
