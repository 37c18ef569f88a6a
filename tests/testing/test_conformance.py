"""The checks that third parties run on what they offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from opentelemetry.metrics import Meter
from opentelemetry.sdk.trace import ReadableSpan

from otelkit import names
from otelkit._builtin.describers import DESCRIBERS
from otelkit._builtin.steps import RunId
from otelkit.metrics.batched import BatchedHistogram
from otelkit.metrics.red import RED_METRICS, RedObserver
from otelkit.model.calls import StageCall
from otelkit.model.describers import Describer
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver
from otelkit.model.steps import Phase, SpanStep
from otelkit.stages.gauges import QUEUE_AND_RUN_METRICS, QueueAndRunObserver
from otelkit.testing import check_call_observer, check_describer, check_span_step


class Step(SpanStep):
    name = "step"


class Holding(Step):
    """Keeps everything until it is closed, as tail sampling does."""

    phase = Phase.JUDGE

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
        self._spans.append(span)
        return ()

    def held(self) -> int:
        return len(self._spans)

    def close(self, timeout_s: float) -> Iterable[ReadableSpan]:
        spans, self._spans = self._spans, []
        return spans

    def after_fork(self) -> None:
        self._spans = []


class Nameless(SpanStep):
    pass


class Swallowing(Step):
    phase = Phase.WITNESS

    def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
        return ()


class Rubbish(Step):
    def on_end(self, span: ReadableSpan) -> Iterable[Any]:
        return ["rubbish"]


class Keeping(Holding):
    def close(self, timeout_s: float) -> Iterable[ReadableSpan]:
        return ()


class ForgetsFork(Holding):
    def after_fork(self) -> None:
        pass


class Changing(Step):
    def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
        span._name = "changed"  # as nobody should
        return (span,)


@pytest.mark.parametrize("make", [Step, Holding, RunId])
def test_good_steps_pass(make: Callable[[], SpanStep]) -> None:
    """Ours among them."""
    check_span_step(make)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Nameless, "has the name ''"),
        (Swallowing, "must return the span it was given"),
        (Rubbish, "expected ReadableSpans"),
        (Keeping, "still holds spans after close"),
        (ForgetsFork, "parent's spans after a fork"),
        (Changing, "changed the span it was given"),
    ],
)
def test_a_step_that_breaks_the_contract_is_told_how(make: Callable[[], SpanStep], message: str) -> None:
    """Each rule has its message."""
    with pytest.raises(AssertionError, match=message):
        check_span_step(make)


def test_good_observers_pass() -> None:
    """Ours among them."""
    check_call_observer(RedObserver, RED_METRICS)
    check_call_observer(lambda: QueueAndRunObserver(BatchedHistogram), QUEUE_AND_RUN_METRICS)


class Undeclared(CallObserver):
    name = "undeclared"

    def bind(self, meter: Meter, instruments: Mapping[str, object]) -> None:
        self._counter = meter.create_counter("sneaked.in")

    def closed(self, call: StageCall) -> None:
        if hasattr(self, "_counter"):
            self._counter.add(1)


def test_an_observer_may_record_only_what_it_declares() -> None:
    """So that a metric's cardinality can be judged from the declaration."""
    with pytest.raises(AssertionError, match=r"undeclared metrics: \['sneaked.in'\]"):
        check_call_observer(Undeclared)
    check_call_observer(Undeclared, [MetricSpec("sneaked.in", "counter", "{call}", "Calls.", (names.STAGE_NAME,))])


class Fragile(CallObserver):
    name = "fragile"

    def bind(self, meter: Meter, instruments: Mapping[str, object]) -> None:
        self._bound = True

    def closed(self, call: StageCall) -> None:
        if hasattr(self, "_bound"):
            raise RuntimeError("only when bound, in a thread")


def test_what_an_observer_raises_comes_out_as_it_is() -> None:
    """Also from a thread."""
    with pytest.raises(RuntimeError, match="only when bound"):
        check_call_observer(Fragile)


@pytest.mark.parametrize("value", ["text", b"bytes", 7, 0.5, True, [1], (1,), {1}, {1: 2}], ids=repr)
def test_our_describers_pass(value: Any) -> None:
    """Every built-in type."""
    check_describer(DESCRIBERS[f"builtins.{type(value).__name__}"], value)


def test_a_describer_that_tells_too_much_is_refused() -> None:
    """Too many attributes, too long ones, ones that are none, or another answer each time."""
    answers = iter(range(100))
    wrong: list[tuple[Describer, str]] = [
        (lambda value: {str(n): n for n in range(9)}, "9 attributes"),
        (lambda value: {"": "x" * 121}, "121 characters"),
        (lambda value: {"": object()}, "no attribute value"),  # type: ignore[dict-item]  # that is the point
        (lambda value: {"": next(answers)}, "two answers"),
    ]
    for describer, message in wrong:
        with pytest.raises(AssertionError, match=message):
            check_describer(describer, "value")
    with pytest.raises(AssertionError, match="needs values"):
        check_describer(lambda value: {})
