"""Steps that take ended spans as they are, in the chain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan

import otelkit
from otelkit.ledger.ledger import Ledger
from otelkit.model.blueprint import Offered
from otelkit.model.steps import Phase, SpanStep
from otelkit.model.traces import EndedSpan, EndedSpanStep
from otelkit.spans import guarded_step
from otelkit.spans.chain import Chain
from otelkit.spans.ended import Ended
from otelkit.spans.light_span import LightSpan
from otelkit.testing import Recorder
from tests.spans.made import Answering, Keeper, Step, offered, spans

pytestmark = [pytest.mark.sdk, pytest.mark.requirement("TRC-17", "TRC-23")]


@otelkit.stage
def parse() -> None:
    pass


def both_kinds() -> list[Ended]:
    """Return the ended spans of a stage and of another instrumentation."""
    keeper = Keeper()
    with Recorder(steps=[keeper]):
        parse()
        with trace.get_tracer("strange").start_as_current_span("GET"):
            pass
    light, view = keeper.kept
    assert isinstance(light, LightSpan)
    return [light, view.span]  # type: ignore[attr-defined] # the view over a span of the SDK


class Passing(EndedSpanStep):
    """Answers ``on_ended`` with what a function says."""

    def __init__(
        self, answer: Callable[[Sequence[EndedSpan]], Any] = lambda batch: batch, name: str = "passing"
    ) -> None:
        self.name = name
        self.phase = Phase.JUDGE
        self.answer = answer
        self.is_joined = False

    def joined(self) -> None:
        self.is_joined = True

    def on_ended(self, batch: Sequence[EndedSpan]) -> Sequence[EndedSpan]:
        return self.answer(batch)  # type: ignore[no-any-return] # rubbish on purpose


def chained(*steps: SpanStep) -> tuple[Chain, Ledger, list[Ended]]:
    ledger, delivered = Ledger(), list[Ended]()

    def deliver(batch: Sequence[Ended]) -> None:
        delivered.extend(batch)
        ledger.delivered("traces", len(batch))

    return Chain(offered(*steps), deliver, account=ledger), ledger, delivered


def test_stage_spans_stay_what_they_are_past_a_step_that_takes_them_so() -> None:
    """What it hands on is what came, whoever made it; it was told that spans will come."""
    step = Passing()
    path, _, delivered = chained(step)
    batch = both_kinds()
    path.run(batch)

    assert step.is_joined
    assert [id(span) for span in delivered] == [id(span) for span in batch]


def test_a_step_behind_that_takes_spans_of_the_sdk_gets_those() -> None:
    """They are made only then."""
    seen: list[type] = []

    def look(span: ReadableSpan) -> tuple[ReadableSpan]:
        seen.append(type(span))
        return (span,)

    path, _, delivered = chained(Passing(), Answering(look, phase=Phase.EXPORT))
    path.run(both_kinds())

    assert LightSpan not in seen
    assert all(isinstance(span, ReadableSpan) for span in delivered)


def test_a_step_in_front_does_not_keep_it_from_seeing_everything() -> None:
    """Then stage spans are spans of the SDK already, and tell the same."""
    keeper = Keeper()
    path, ledger, _ = chained(Answering(lambda span: (span,)), keeper)
    batch = both_kinds()
    ledger.created("traces", 2)
    path.run(batch)

    assert [span.stage_name for span in keeper.kept] == ["test_guarded_ended_step.parse", None]
    assert ledger.counts("traces").pending == 2


def test_what_it_leaves_out_is_dropped_and_what_it_holds_is_pending() -> None:
    """Until the end, when it comes out and counts as delivered."""
    keeper = Keeper()
    path, ledger, delivered = chained(Passing(lambda batch: batch[:1], "first"), keeper)
    ledger.created("traces", 2)
    path.run(both_kinds())
    counts = ledger.counts("traces")
    assert (counts.dropped, counts.pending) == (1, 1)
    path.close(1)

    assert (len(delivered), ledger.counts("traces").pending) == (1, 0)


def test_what_there_was_no_time_for_at_the_end_is_lost_and_said() -> None:
    """It is not taken for left out on purpose."""

    class Slow(Keeper):
        def rest(self, timeout_s: float) -> Sequence[EndedSpan]:
            return [self.kept.pop()]

    path, ledger, delivered = chained(Slow())
    ledger.created("traces", 2)
    path.run(both_kinds())
    path.close(0.0)

    assert len(delivered) == 1
    assert ledger.counts("traces").lost == {"exit_limit": 1}
    assert ledger.counts("traces").pending == 0


def test_a_step_that_is_switched_off_has_all_the_time_to_give_back_what_it_holds() -> None:
    """The program goes on; nothing is lost."""
    allowed: list[float] = []

    class Failing(Keeper):
        def on_ended(self, batch: Sequence[EndedSpan]) -> Sequence[EndedSpan]:
            if len(self.kept) > 1:
                raise RuntimeError("full")
            return super().on_ended(batch)

        def rest(self, timeout_s: float) -> Sequence[EndedSpan]:
            allowed.append(timeout_s)
            return super().rest(timeout_s)

    path, ledger, delivered = chained(Failing())
    ledger.created("traces", 24)
    for _ in range(12):
        path.run(both_kinds())

    assert allowed == [math.inf]
    assert len(delivered) == 24
    assert ledger.counts("traces").pending == 0


def endless(batch: Sequence[EndedSpan]) -> Any:
    while True:
        yield batch[0]


def raising(batch: Sequence[EndedSpan]) -> Any:
    raise RuntimeError("broken")


RUBBISH = {
    "raises": raising,
    "nothing": lambda batch: None,
    "a span": lambda batch: batch[0],
    "numbers": lambda batch: [1, 2],
    "spans of the SDK": lambda batch: spans(2),
    "endless": endless,
}


@pytest.mark.parametrize("answer", RUBBISH.values(), ids=RUBBISH)
def test_a_batch_goes_on_as_it_came_past_a_faulty_step(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it does instead of answering: once, counted, and after ten of them it is not asked any more."""
    monkeypatch.setattr(guarded_step, "MOST_SPANS", 1000)
    path, ledger, delivered = chained(Passing(answer))
    batch = both_kinds()
    ledger.created("traces", 24)
    for _ in range(12):
        path.run(batch)

    barrier = path.barriers["passing"]
    assert (barrier.faults, barrier.off) == (10, True)
    assert [id(span) for span in delivered] == [id(span) for span in batch] * 12
    assert ledger.counts("traces").pending == 0


def test_a_step_that_fails_to_join_is_asked_all_the_same() -> None:
    """And the fault is counted."""

    class Reluctant(Passing):
        def joined(self) -> None:
            raise RuntimeError("no")

    path, _, delivered = chained(Reluctant())
    path.run(both_kinds())

    assert (path.barriers["passing"].faults, len(delivered)) == (1, 2)


def test_a_span_without_ids_passes_it_by() -> None:
    """Nothing can be said of it."""
    path, _, delivered = chained(Keeper())
    nameless = ReadableSpan("nameless")
    path.run([nameless])

    assert delivered == [nameless]


def test_only_our_own_steps_for_ended_spans_are_known_never_to_wait() -> None:
    """A stranger's may; so may any step that takes spans of the SDK. One that looks only at starts is not on that path."""

    def waits(step: SpanStep, distribution: str | None) -> bool:
        return Chain([Offered("test", distribution, step)], lambda batch: None).may_wait

    assert not waits(Passing(), None)
    assert waits(Passing(), "strange")
    assert waits(Answering(lambda span: (span,)), None)
    assert not waits(Step(), "strange")
