"""Checks that a third party's step, observer or describer keeps its side of the contract."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, TracerProvider
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context

from otelkit._clock import SYSTEM_CLOCK
from otelkit.metrics.instruments import build_instruments
from otelkit.model.calls import Outcome, Stage, StageKind
from otelkit.model.describers import Describer
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver
from otelkit.model.steps import Phase, SpanStep
from otelkit.testing.ids import CountingIds
from otelkit.testing.made_call import MadeCall

_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]*")
_SCALAR: Final = (str, bool, int, float)
_REMOTE: Final = SpanContext(0xA, 0xB, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def check_span_step(make: Callable[[], SpanStep]) -> None:
    """Check a span step on spans of many kinds, in the order of calls that otelkit guarantees.

    Args:
        make: Returns a new step.

    Raises:
        AssertionError: It breaks the contract; the message says how. What the step raises itself comes out as it is.
    """
    step = make()
    _check_name(step.name, "a step")
    assert isinstance(step.phase, Phase), f"{step.name}.phase is {step.phase!r}; expected a Phase"
    spans = _sample_spans(step)
    for span in spans:
        given = _facts(span)
        _check_spans(step, "on_end", handed_on := list(step.on_end(span)))
        assert _facts(span) == given, f"{step.name}.on_end changed the span it was given; return a changed copy"
        if step.phase is Phase.WITNESS:
            assert handed_on == [span], f"{step.name} is a WITNESS; its on_end must return the span it was given"
    _check_spans(step, "tick", step.tick(SYSTEM_CLOCK.now_ns()))
    held = step.held()
    assert held >= 0, f"{step.name}.held returned {held!r}; expected a count"
    flushed = step.flush(1.0)
    assert isinstance(flushed, bool), f"{step.name}.flush returned {flushed!r}; expected a bool"
    _check_spans(step, "close", step.close(1.0))
    assert step.held() == 0, f"{step.name} still holds spans after close; return them from close"
    _check_spans(step, "close", step.close(1.0))
    forked = make()
    for span in _sample_spans(forked):
        list(forked.on_end(span))
    forked.after_fork()
    assert forked.held() == 0, f"{forked.name} still holds the parent's spans after a fork; forget them in after_fork"


def check_call_observer(make: Callable[[], CallObserver], metrics: Iterable[MetricSpec] = ()) -> None:
    """Check a call observer on calls of every outcome, before and after it is bound, from several threads.

    Args:
        make: Returns a new observer.
        metrics: What it records; its instruments are built from these.

    Raises:
        AssertionError: It breaks the contract. What the observer raises itself comes out as it is.
    """
    observer = make()
    _check_name(observer.name, "an observer")
    _observe(observer)
    specs = {spec.name: spec for spec in metrics}
    for _ in range(2):  # the second time is that of a forked child
        provider = MeterProvider([reader := InMemoryMetricReader()], shutdown_on_exit=False)
        meter = provider.get_meter("otelkit")
        observer.bind(meter, build_instruments(specs, meter))
        _in_threads(lambda: _observe(observer))
        recorded = {
            metric.name
            for resource in getattr(reader.get_metrics_data(), "resource_metrics", ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }
        assert recorded <= specs.keys(), (
            f"{observer.name} records undeclared metrics: {sorted(recorded - specs.keys())}"
        )


def check_describer(describer: Describer, *values: Any) -> None:  # Any: values of the type it describes
    """Check that what a describer says is small and can be written as attributes.

    Raises:
        AssertionError: It breaks the contract. What the describer raises itself comes out as it is.
    """
    assert values, "check_describer needs values to describe"
    for value in values:
        described = dict(describer(value))
        assert len(described) <= 8, f"{len(described)} attributes for {type(value)}; at most 8 are taken"
        for suffix, said in described.items():
            assert isinstance(suffix, str), f"{suffix!r} is no attribute suffix; expected text"
            for each in said if isinstance(said, list | tuple) else (said,):
                assert isinstance(each, _SCALAR), f"{suffix!r}: {said!r} is no attribute value"
                assert len(str(each)) <= 120, (
                    f"{suffix!r} has {len(str(each))} characters; at most 120, never a payload"
                )
        assert dict(describer(value)) == described, f"describing {type(value)} twice gave two answers"


def _check_name(name: object, what: str) -> None:
    well_named = isinstance(name, str) and _NAME.fullmatch(name)
    assert well_named, f"{what} has the name {name!r}; expected e.g. 'my_company.cost'"


def _check_spans(step: SpanStep, method: str, returned: Iterable[ReadableSpan]) -> None:
    for span in returned:
        assert isinstance(span, ReadableSpan), f"{step.name}.{method} returned {span!r}; expected ReadableSpans"


def _sample_spans(step: SpanStep) -> Sequence[ReadableSpan]:
    """Return ended spans of many kinds, each shown to the step as it started."""
    tracer = TracerProvider(id_generator=CountingIds(), shutdown_on_exit=False).get_tracer("conformance")
    remote = set_span_in_context(NonRecordingSpan(_REMOTE), Context())
    started: list[Span] = []
    for parent in (None, remote):
        for number, name in enumerate(("plain", "", "päth/☃", "x" * 500)):
            span = tracer.start_span(name, parent, links=[Link(_REMOTE)] if number % 2 else ())
            assert isinstance(span, Span)
            step.on_start(span, parent)
            if number:
                span.set_attributes({"text": "a" * 1000, "number": 1, "flag": True, "ratio": 0.5, "many": ["a", "b"]})
                span.add_event("event", {"key": "value"})
            if number == 2:
                span.record_exception(ValueError("wrong"))
                span.set_status(Status(StatusCode.ERROR, "wrong"))
            started.append(span)
    for span in started:
        span.end()
    return started


def _facts(span: ReadableSpan) -> tuple[Any, ...]:
    return (span.name, dict(span.attributes or {}), len(span.events), len(span.links), span.status.status_code)


def _observe(observer: CallObserver) -> None:
    for kind in StageKind:
        for outcome, error in (
            (Outcome.OK, None),
            (Outcome.ERROR, ValueError("wrong")),
            (Outcome.CANCELLED, GeneratorExit()),
        ):
            call = MadeCall(Stage("conformance", kind), "conformance")
            observer.opened(call)
            call.end(error, outcome=outcome, duration_ns=1_000)
            observer.closed(call)
            observer.settled((call,))


def _in_threads(do: Callable[[], None]) -> None:
    errors: list[Exception] = []

    def run() -> None:
        try:
            do()
        except Exception as error:  # noqa: BLE001 - raised again below, in the thread of the test
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
