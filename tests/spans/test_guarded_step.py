"""One step behind its barrier."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from otelkit.model.blueprint import Offered
from otelkit.model.steps import Phase, SpanStep
from otelkit.spans import guarded_step
from otelkit.spans.guarded_step import GuardedStep
from tests.spans.made import Answering, Holding, Step, spans

pytestmark = pytest.mark.sdk


def guarded(step: SpanStep) -> GuardedStep:
    return GuardedStep(Offered("test", "otelkit-test", step))


def raising(span: ReadableSpan) -> Any:
    raise RuntimeError("broken")


def half_way(span: ReadableSpan) -> Iterator[ReadableSpan]:
    yield span
    raise RuntimeError("broken half-way")


def exiting(span: ReadableSpan) -> Any:
    raise SystemExit(3)


RUBBISH = {
    "raises": raising,
    "raises half-way": half_way,
    "exits": exiting,
    "nothing": lambda span: None,
    "the span itself": lambda span: span,
    "text": lambda span: "span",
    "numbers": lambda span: [1, 2],
    "a span and rubbish": lambda span: [span, None],
    "endless": itertools.repeat,
}


@pytest.mark.parametrize("answer", RUBBISH.values(), ids=RUBBISH)
def test_a_span_goes_on_unchanged_past_a_faulty_step(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a step does instead of answering, its span comes out once, and the fault is counted."""
    monkeypatch.setattr(guarded_step, "MOST_SPANS", 1000)
    step = guarded(Answering(answer))
    batch = spans(3)

    assert step.on_end(batch) == batch
    assert step.barrier.faults == 3
    assert step.settle() == 0


def test_a_step_is_switched_off_after_ten_faults_and_not_asked_again() -> None:
    """The eleventh span passes it by, within the same batch."""
    asked: list[str] = []

    def answer(span: ReadableSpan) -> Any:
        asked.append(span.name)
        raise RuntimeError("broken")

    step = guarded(Answering(answer))
    batch = spans(30)

    assert step.on_end(batch) == batch
    assert (len(asked), step.off) == (10, True)


def test_one_good_span_in_ten_keeps_a_step_on() -> None:
    """Only faults in a row switch it off."""
    numbers = itertools.count(1)
    step = guarded(Answering(lambda span: (span,) if next(numbers) % 10 == 0 else raising(span)))
    step.on_end(spans(100))

    assert (step.off, step.barrier.faults) == (False, 90)


def test_a_flush_that_fails_now_and_then_keeps_a_step_on() -> None:
    """So do ticks and answers to held: each success ends its own row."""
    numbers = itertools.count(1)

    class Sometimes(Holding):
        def flush(self, timeout_s: float) -> bool:
            if next(numbers) % 2:
                raise ConnectionError("gone")
            return True

        def held(self) -> int:
            return len(self.kept) if next(numbers) % 3 else 1 // 0

    step = guarded(Sometimes())
    for _ in range(60):
        step.flush(1)
        step.tick(0)
        step.settle()

    assert not step.off
    assert step.barrier.faults > 20


def test_an_on_start_that_keeps_the_program_waiting_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can't be interrupted, but after ten of them it is not asked any more."""
    monkeypatch.setattr(guarded_step, "ON_START_LIMIT_S", 0.001)

    class Slow(Step):
        def on_start(self, span: Any, parent: Any) -> None:
            threading.Event().wait(0.002)

    step = guarded(Slow())
    for _ in range(10):
        step.on_start(None, None)  # type: ignore[arg-type] # the step does not look at it

    assert step.off
    assert "kept the program waiting" in str(step.barrier.last_cause)


def test_our_own_steps_are_not_blamed_for_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are known to be quick; what was slow is another thread's turn."""
    monkeypatch.setattr(guarded_step, "ON_START_LIMIT_S", 0.001)

    class Interrupted(Step):
        def on_start(self, span: Any, parent: Any) -> None:
            threading.Event().wait(0.002)

    step = GuardedStep(Offered("otelkit.steps", None, Interrupted()))
    step.on_start(None, None)  # type: ignore[arg-type] # the step does not look at it

    assert step.barrier.faults == 0


def test_a_keyboard_interrupt_in_on_start_reaches_the_user() -> None:
    """It is meant for the program, which happens to be in a step."""

    class Interrupted(Step):
        def on_start(self, span: Any, parent: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(Interrupted()).on_start(None, None)  # type: ignore[arg-type] # the step does not look at it


def test_a_witness_can_neither_drop_nor_change_a_span() -> None:
    """What it returns instead of its span is a fault, and the span goes on."""
    batch = spans(2)
    dropping = guarded(Answering(lambda span: (), phase=Phase.WITNESS))
    other = guarded(Answering(lambda span: spans(1), phase=Phase.WITNESS))
    good = guarded(Answering(lambda span: [span], phase=Phase.WITNESS))

    assert [dropping.on_end(batch), other.on_end(batch), good.on_end(batch)] == [batch, batch, batch]
    assert [dropping.barrier.faults, other.barrier.faults, good.barrier.faults] == [2, 2, 0]


def test_what_a_step_left_out_is_told_apart_from_what_it_holds() -> None:
    """Dropped spans are settled at once, held ones when they have come out."""
    dropping = guarded(Answering(lambda span: ()))
    dropping.on_end(spans(4))
    holding = Holding()
    step = guarded(holding)
    step.on_end(spans(3))

    assert (dropping.settle(), dropping.settle()) == (4, 0)
    assert step.settle() == 0
    holding.kept.pop()
    assert step.settle() == 1
    assert len(step.close(0)[0]) == 2
    assert step.settle() == 0


def test_a_step_that_does_not_say_what_it_holds_is_settled_at_its_end() -> None:
    """Overriding tick or close without held is taken to mean that everything missing is held."""

    class Silent(Step):
        def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
            return ()

        def close(self, timeout_s: float) -> Iterable[ReadableSpan]:
            return spans(1)

    step = guarded(Silent())
    step.on_end(spans(3))

    assert step.settle() == 0
    assert len(step.close(0)[0]) == 1
    assert step.settle() == 2


def test_a_step_that_makes_spans_is_settled_with_a_negative_number() -> None:
    """Two for one means that one was made."""
    step = guarded(Answering(lambda span: [span, span]))
    step.on_end(spans(3))

    assert step.settle() == -3


def test_what_a_step_fails_to_give_back_is_told() -> None:
    """A raising close loses what was held, and says how much."""

    class Broken(Holding):
        def close(self, timeout_s: float) -> Iterable[ReadableSpan]:
            raise RuntimeError("broken")

    step = guarded(Broken())
    step.on_end(spans(3))

    assert step.close(0) == ([], 3)
    assert step.settle() == 0
    assert step.close(0) == ([], 0)


def test_rubbish_from_held_flush_and_tick_is_contained() -> None:
    """Each is a fault; nothing comes of it."""

    class Rubbish(Holding):
        def held(self) -> Any:
            return "many"

        def flush(self, timeout_s: float) -> bool:
            raise RuntimeError("flush")

        def tick(self, now_ns: int) -> Any:
            return 5

        def after_fork(self) -> None:
            raise RuntimeError("after_fork")

    step = guarded(Rubbish())
    step.on_end(spans(2))

    assert step.flush(1) is False
    assert step.tick(0) == []
    step.settle()
    step.after_fork()
    assert step.barrier.faults >= 4
