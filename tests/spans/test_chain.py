"""The chain of steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, Span

from otelkit.ledger.ledger import Ledger
from otelkit.model.steps import Phase
from otelkit.spans.chain import Chain
from otelkit.spans.rebuild import rebuild
from tests.forking import in_child
from tests.spans.made import Answering, Holding, Step, chain, offered, spans

pytestmark = [pytest.mark.sdk, pytest.mark.requirement("TRC-23")]


def marking(name: str, phase: Phase) -> Answering:
    """A step that adds its name to the span's."""
    return Answering(lambda span: [rebuild(span, name=f"{span.name}>{name}")], name, phase)


def test_steps_are_passed_in_the_order_given() -> None:
    """Each sees what the one before it made."""
    path, ledger, sink = chain(
        marking("export", Phase.EXPORT), marking("b", Phase.ENRICH), marking("redact", Phase.REDACT),
        marking("judge", Phase.JUDGE), marking("a", Phase.ENRICH), marking("gate", Phase.GATE),
    )  # fmt: skip
    path.run(spans(1, ledger))

    assert sink.names == ["s0>gate>a>b>redact>judge>export"]


def test_what_a_step_leaves_out_is_counted_as_dropped_and_not_as_lost() -> None:
    """Filtering on purpose is no loss of telemetry."""
    path, ledger, sink = chain(Answering(lambda span: (span,) if span.name == "s1" else ()))
    path.run(spans(3, ledger))

    counts = ledger.counts("traces")
    assert sink.names == ["s1"]
    assert (counts.dropped, counts.lost, counts.pending) == (2, {}, 0)


def test_held_spans_pass_the_rest_of_the_chain_when_they_are_due() -> None:
    """They are pending until then; the steps before are not passed again."""
    holding = Holding()
    path, ledger, sink = chain(marking("before", Phase.ENRICH), holding, marking("after", Phase.EXPORT))
    path.run(spans(2, ledger))
    assert (sink.names, ledger.counts("traces").pending) == ([], 2)
    path.tick(1)
    assert ledger.counts("traces").pending == 2
    holding.let_go = True
    path.tick(2)

    assert sink.names == ["s0>before>after", "s1>before>after"]
    assert ledger.counts("traces").pending == 0


def test_closing_delivers_what_steps_hold_before_later_steps_are_closed() -> None:
    """A held span still passes the steps behind, which are open until then."""
    order: list[str] = []

    class Last(Step):
        def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
            order.append(span.name)
            return (span,)

        def close(self, timeout_s: float) -> Iterable[ReadableSpan]:
            order.append("closed")
            return ()

    path, ledger, sink = chain(Holding(), Last("last", Phase.EXPORT))
    path.run(spans(2, ledger))
    path.close(5)

    assert order == ["s0", "s1", "closed"]
    assert (sink.names, ledger.counts("traces").pending) == (["s0", "s1"], 0)


def test_a_step_that_is_switched_off_gives_back_what_it_held() -> None:
    """In the order in which the spans ended, and nothing is held back any longer."""

    class Failing(Holding):
        def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
            if len(self.kept) == 3:
                raise RuntimeError("full")
            return super().on_end(span)

    path, ledger, sink = chain(Failing())
    path.run(spans(20, ledger))

    counts = ledger.counts("traces")
    assert sink.names == [f"s{number}" for number in range(20)]
    assert (counts.created, counts.delivered, counts.pending) == (20, 20, 0)


def test_what_a_failing_step_keeps_for_itself_is_counted_as_lost() -> None:
    """Its close raises: the spans are gone, and that is said."""

    class Swallowing(Holding):
        def close(self, timeout_s: float) -> Iterable[ReadableSpan]:
            raise RuntimeError("broken")

    path, ledger, _ = chain(Swallowing())
    path.run(spans(4, ledger))
    path.close(1)

    assert ledger.counts("traces").lost == {"step_failed": 4}


def test_spans_that_a_step_makes_are_counted_as_created() -> None:
    """The account still adds up."""
    path, ledger, sink = chain(Answering(lambda span: [span, rebuild(span, name="twin")]))
    path.run(spans(2, ledger))

    counts = ledger.counts("traces")
    assert sorted(sink.names) == ["s0", "s1", "twin", "twin"]
    assert (counts.created, counts.delivered, counts.pending) == (4, 4, 0)


def test_a_delivery_that_raises_costs_its_batch_and_is_counted() -> None:
    """The next batch is delivered."""
    ledger = Ledger()
    delivered: list[ReadableSpan] = []

    def deliver(batch: Sequence[ReadableSpan]) -> None:
        if len(batch) == 3:
            raise RuntimeError("broken")
        delivered.extend(batch)
        ledger.delivered("traces", len(batch))

    path = Chain([], deliver, account=ledger)
    path.run(spans(3, ledger))
    path.run(spans(2, ledger))

    counts = ledger.counts("traces")
    assert (len(delivered), counts.lost, counts.pending) == (2, {"export_failed": 3}, 0)


def test_an_empty_batch_asks_nobody() -> None:
    """No spans, no calls."""
    path, _, sink = chain(Answering(lambda span: 1 / 0))
    path.run([])

    assert (path.barriers["answering"].faults, sink.spans) == (0, [])


def test_only_steps_that_look_at_starts_are_asked_at_starts() -> None:
    """Others cost nothing in the user's thread; one that fails does not keep the next one from looking."""
    looked: list[str] = []

    class Looking(Step):
        def on_start(self, span: Span, parent: Any) -> None:
            looked.append(self.name)
            if self.name == "a":
                raise RuntimeError("broken")

    path, _, _ = chain(Looking("a"), Step("b"), Looking("c"))
    path.on_start(None, None)  # type: ignore[arg-type] # the steps do not look at it

    assert looked == ["a", "c"]


def test_a_step_that_is_off_is_not_shown_starts() -> None:
    """It is skipped in the user's thread too."""
    looked: list[int] = []

    class Looking(Step):
        def on_start(self, span: Span, parent: Any) -> None:
            looked.append(1)
            raise RuntimeError("broken")

    path, _, _ = chain(Looking("a"))
    for _ in range(50):
        path.on_start(None, None)  # type: ignore[arg-type] # the step does not look at it

    assert len(looked) == 10


def test_a_step_that_fails_at_every_start_is_switched_off_although_its_ends_go_well() -> None:
    """The program does not pay for its failures forever."""
    looked: list[int] = []

    class Looking(Step):
        def on_start(self, span: Span, parent: Any) -> None:
            looked.append(1)
            raise RuntimeError("broken")

    path, ledger, sink = chain(Looking("a"))
    for _ in range(30):
        path.on_start(None, None)  # type: ignore[arg-type] # the step does not look at it
        path.run(spans(1, ledger))

    assert (len(looked), len(sink.spans)) == (10, 30)


def test_flush_says_whether_every_step_did() -> None:
    """One that fails or raises makes it False; all are asked."""
    asked: list[str] = []

    class Flushing(Step):
        def flush(self, timeout_s: float) -> bool:
            asked.append(self.name)
            if self.name == "b":
                raise RuntimeError("broken")
            return True

    good, _, _ = chain(Flushing("a"))
    bad, _, _ = chain(Flushing("a"), Flushing("b"), Flushing("c"))

    assert good.flush(1) is True
    assert bad.flush(1) is False
    assert asked == ["a", "a", "b", "c"]


class Forgetful(Holding):
    """Holds spans and knows nothing of forks."""

    def after_fork(self) -> None:
        pass


@pytest.mark.parametrize("kind", [Holding, Forgetful])
def test_a_child_does_not_deliver_what_steps_held_before_the_fork(kind: type[Holding]) -> None:
    """Those spans are the parent's, also if the step knows nothing of forks; the child's account adds up."""
    path, ledger, sink = chain(kind())
    path.run(spans(3, ledger))

    def child() -> object:
        path.after_fork()
        path.run(spans(2, ledger))
        held = ledger.counts("traces").pending
        path.close(1)
        counts = ledger.counts("traces")
        return [held, sink.names, counts.created, counts.delivered, counts.dropped, counts.pending]

    assert in_child(child) == [2, ["s0", "s1"], 2, 2, 0, 0]
    path.close(1)
    assert (len(sink.spans), ledger.counts("traces").pending) == (3, 0)


def test_barriers_are_named_after_their_steps() -> None:
    """For `otelkit plugins`: who failed, how often, and whether it is off."""
    path = Chain(offered(Step("a"), Step("b")), lambda batch: None)

    assert list(path.barriers) == ["a", "b"]
    assert path.barriers["a"].distribution == "otelkit-test"
