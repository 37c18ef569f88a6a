"""Where spans enter the chain."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from opentelemetry.trace import Tracer

from otelkit.ledger.counts import Counts
from otelkit.ledger.ledger import Ledger
from otelkit.model.calls import StageCall
from otelkit.model.steps import Phase, SpanStep
from otelkit.spans import outbox
from otelkit.spans.chain import Chain
from otelkit.spans.light_span import LightSpan
from otelkit.spans.outbox import Outbox
from tests.forking import in_child
from tests.spans.made import Answering, Holding, Sink, Step, chain, offered
from tests.spans.side_by_side import SERIES, SideBySide
from tests.waiting import wait_until

pytestmark = pytest.mark.sdk


class Path:
    """A provider with a chain behind it."""

    def __init__(self, *steps: SpanStep, **options: Any) -> None:
        self.chain, self.ledger, self.sink = chain(*steps)
        settings = {"limit": 10_000, "batch": 100, "delay_s": 0.01} | options
        self.processor = Outbox(self.chain, self.ledger, **settings)
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)
        self.tracer: Tracer = self.provider.get_tracer("test")

    def spans(self, *names: str) -> None:
        for name in names:
            self.tracer.start_span(name).end()


@contextmanager
def path(*steps: SpanStep, **options: Any) -> Iterator[Path]:
    made = Path(*steps, **options)
    try:
        yield made
    finally:
        made.provider.shutdown()


def test_an_ended_span_is_delivered_by_itself() -> None:
    """Nobody has to flush, and the chain runs on its own thread with instrumentation switched off."""
    seen: list[tuple[str, bool]] = []

    class Looking(Step):
        def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
            seen.append((threading.current_thread().name, is_instrumentation_enabled()))
            return (span,)

    with path(Looking()) as it:
        it.spans("a")
        wait_until(lambda: it.sink.names == ["a"])

    assert seen == [("otelkit-spans", False)]


def test_what_is_current_in_the_program_is_not_current_in_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where an instrumentation carries the context into every thread that is started."""
    original = threading.Thread.start

    def carrying(self: threading.Thread) -> None:
        run = self.run
        context = contextvars.copy_context()
        monkeypatch.setattr(self, "run", lambda: context.run(run), raising=False)
        original(self)

    monkeypatch.setattr(threading.Thread, "start", carrying)
    current: list[bool] = []

    class Looking(Step):
        def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
            current.append(trace.get_current_span().get_span_context().is_valid)
            return (span,)

    with path(Looking()) as it, it.tracer.start_as_current_span("around"):
        it.spans("a")
        assert it.processor.force_flush(5000)

    assert current[0] is False


def test_flush_delivers_everything_that_has_ended() -> None:
    """When it returns True, nothing is pending."""
    with path(delay_s=60) as it:
        it.spans("a", "b", "c")

        assert it.processor.force_flush(5000)
        assert it.sink.names == ["a", "b", "c"]
        assert it.ledger.counts("traces").pending == 0


def test_spans_that_are_not_sampled_are_nobodys_business() -> None:
    """They are neither created nor lost."""
    made = Path()
    provider = TracerProvider(ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(made.processor)
    provider.get_tracer("t").start_span("a").end()
    provider.shutdown()

    assert made.ledger.counts("traces").created == 0


def test_a_full_buffer_refuses_new_spans_and_counts_them() -> None:
    """The program is not slowed down, and the account says what it cost."""
    release = threading.Event()
    started = threading.Event()

    def block(span: ReadableSpan) -> Any:
        started.set()
        release.wait(20)
        return (span,)

    with path(Answering(block), limit=5, batch=1, delay_s=0.01) as it:
        it.spans("first")
        assert started.wait(20)
        it.spans(*(f"s{number}" for number in range(12)))
        counts = it.ledger.counts("traces")
        release.set()
        assert it.processor.force_flush(10_000)

        assert (counts.created, counts.lost, counts.pending) == (13, {"buffer_full": 7}, 6)
        assert len(it.sink.spans) == 6
        assert it.ledger.counts("traces").pending == 0


def test_a_span_that_ends_after_shutdown_is_counted() -> None:
    """It is lost, and for this reason."""
    it = Path()
    open_span = it.tracer.start_span("late")
    it.provider.shutdown()
    open_span.end()

    assert it.ledger.counts("traces").lost == {"after_shutdown": 1}


def test_shutdown_delivers_what_steps_hold() -> None:
    """The buffer first, then what steps give back."""
    it = Path(Holding())
    it.spans("a", "b")
    it.provider.shutdown()

    assert it.sink.names == ["a", "b"]
    assert it.ledger.counts("traces").pending == 0


def test_shutdown_is_bounded_while_a_step_hangs() -> None:
    """What was not taken through the chain is lost and counted: raw spans are not written anywhere."""
    release = threading.Event()
    started = threading.Event()

    def hang(span: ReadableSpan) -> Any:
        started.set()
        release.wait(30)
        return (span,)

    it = Path(Answering(hang), batch=1, exit_limit_s=0.2)
    it.spans("stuck")
    assert started.wait(20)
    it.spans("a", "b", "c")
    it.provider.shutdown()
    counts = it.ledger.counts("traces")

    assert counts.lost == {"exit_limit": 3}
    assert counts.pending == 1
    assert it.ledger.losses(final=True) == {"traces": {"exit_limit": 3, "unfinished at exit": 1}}
    release.set()


def test_a_second_shutdown_does_nothing() -> None:
    """Also when the provider and the exit both do it."""
    it = Path()
    it.spans("a")
    it.provider.shutdown()
    it.processor.shutdown()

    assert it.sink.names == ["a"]


def test_flush_is_bounded_and_says_so() -> None:
    """False, in time, while a step hangs."""
    release = threading.Event()
    with path(Answering(lambda span: release.wait(20) and (span,))) as it:
        it.spans("a")

        assert it.processor.force_flush(50) is False
        release.set()
        assert it.processor.force_flush(10_000) is True


def test_steps_are_shown_starts_in_the_users_thread() -> None:
    """They may set attributes on the live span."""

    class Setting(Step):
        def on_start(self, span: Any, parent: Any) -> None:
            span.set_attribute("thread", threading.current_thread().name)

    with path(Setting()) as it:
        it.spans("a")
        it.processor.force_flush(5000)

        assert dict(it.sink.spans[0].attributes or {}) == {"thread": threading.current_thread().name}


def test_steps_are_ticked_about_once_a_second() -> None:
    """A step that holds by age lets go without another span ending."""
    holding = Holding()
    with path(holding) as it:
        it.spans("a")
        wait_until(lambda: holding.held() == 1)
        holding.let_go = True
        wait_until(lambda: it.sink.names == ["a"])


class Destination:
    """An exporter that notes what it is told."""

    def __init__(self, flushes: bool = True) -> None:
        self.told: list[str] = []
        self._flushes = flushes

    def prepare(self) -> None:
        self.told.append(f"prepare in {threading.current_thread().name}")

    def exit_by(self, deadline: float, pending: Callable[[], int]) -> None:
        self.told.append(f"exit in {round(deadline - time.monotonic())} s with {pending()} to come")

    def force_flush(self, timeout_millis: int) -> bool:
        self.told.append("flush")
        return self._flushes

    def shutdown(self) -> None:
        self.told.append("shutdown")


def test_exporters_are_told_when_to_start_flush_and_end() -> None:
    """Threads are started by the first span, and the deadline is known before anything is waited for."""
    destination = Destination()
    it = Path(exit_limit_s=7.0, destinations=[destination])
    assert destination.told == []
    it.spans("a", "b")
    it.processor.force_flush(5000)
    it.provider.shutdown()

    name = threading.current_thread().name
    assert destination.told == [f"prepare in {name}", "flush", "exit in 7 s with 0 to come", "shutdown"]


def test_flush_fails_if_an_exporter_did() -> None:
    """What was not delivered was not flushed."""
    with path(destinations=[Destination(flushes=False)]) as it:
        it.spans("a")

        assert it.processor.force_flush(5000) is False


def test_a_child_delivers_its_own_spans_and_leaves_its_parents_alone() -> None:
    """Open at the fork: the parent's. Waiting at the fork: the parent's. Dated back by its user: the child's."""
    it = Path(delay_s=60)
    open_span = it.tracer.start_span("parent-open")
    it.spans("parent-waiting")

    def child() -> object:
        open_span.end()
        it.spans("child")
        it.tracer.start_span("dated-back", start_time=1).end()
        flushed = it.processor.force_flush(5000)
        counts = it.ledger.counts("traces")
        return [flushed, it.sink.names, counts.created, counts.delivered, counts.pending]

    assert in_child(child) == [True, ["child", "dated-back"], 2, 2, 0]
    open_span.end()
    it.provider.shutdown()
    assert it.sink.names == ["parent-waiting", "parent-open"]


def test_a_child_may_shut_down_without_touching_its_parent() -> None:
    """Each process has its own end."""
    it = Path()
    it.spans("a")
    assert it.processor.force_flush(5000)

    def child() -> object:
        it.spans("b")
        it.provider.shutdown()
        return it.sink.names[1:]

    assert in_child(child) == ["b"]
    it.spans("c")
    it.provider.shutdown()
    assert it.sink.names == ["a", "c"]


@pytest.mark.parametrize("seed", range(3))
def test_the_account_adds_up_at_any_moment(seed: int) -> None:
    """Threads, a small buffer, steps that drop, hold, make and fail: created = delivered + dropped + lost + pending."""
    ledger = Ledger()
    sink = Sink(ledger)
    numbers = iter(range(seed, 10_000_000))

    def unruly(span: ReadableSpan) -> Any:
        number = next(numbers)
        if number % 7 == 0:
            raise RuntimeError("broken")
        return {0: (), 1: (span, span), 2: None}.get(number % 5, (span,))

    class Some(Holding):
        def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
            super().on_end(span)
            return [self.kept.pop(0)] if len(self.kept) > 50 else ()

    steps = offered(Answering(unruly, "unruly", Phase.GATE), Some())
    processor = Outbox(Chain(steps, sink, account=ledger), ledger, limit=200, batch=64, delay_s=0.005)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("t")
    threads = [threading.Thread(target=lambda: [tracer.start_span("x").end() for _ in range(1500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert ledger.counts("traces").pending >= 0
    for thread in threads:
        thread.join()
    assert processor.force_flush(10_000)
    held = ledger.counts("traces").pending
    provider.shutdown()

    counts = ledger.counts("traces")
    assert held == 50
    assert counts.created >= 6000
    assert (counts.delivered, counts.pending) == (len(sink.spans), 0)
    assert set(counts.lost) <= {"buffer_full"}


def test_somebody_looks_around_once_a_second_though_nothing_has_ended() -> None:
    """On the thread that takes what has ended, with instrumentation switched off; not before a first call has begun."""
    looks: list[tuple[str, bool]] = []
    with path() as made:
        made.processor.look = lambda: looks.append((threading.current_thread().name, is_instrumentation_enabled()))
        before = made.processor._drain._thread
        made.processor.wake()
        wait_until(lambda: looks)

    assert (before, set(looks)) == (None, {("otelkit-spans", False)})


# -- stage calls -------------------------------------------------------------------------------------------------------


class Calls:
    """Light spans with an outbox behind them, and what becomes of them."""

    def __init__(self, sampler: Sampler = ALWAYS_ON, *steps: SpanStep, **options: Any) -> None:
        self.path = Path(*steps, **options)
        self.outbox = self.path.processor
        self.settled: list[StageCall] = []
        self.outbox.settle = self.settled.extend
        self.light = SideBySide(sampler).light
        self.light.ended = self.outbox.ended

    def make(self, count: int, error: BaseException | None = None) -> None:
        for _ in range(count):
            self.light.open(SERIES, Context(), None).close(error)

    @property
    def counts(self) -> Counts:
        return self.path.ledger.counts("traces")


def test_every_call_is_counted_and_the_sampled_ones_are_delivered() -> None:
    """Sampled or not, a call was made; only a sampled one has a span that leaves."""
    seen = []
    for sampler in (ALWAYS_ON, ALWAYS_OFF):
        it = Calls(sampler, delay_s=60)
        it.make(3)
        assert it.outbox.settle_all(20)
        it.outbox.shutdown()
        seen.append((len(it.settled), len(it.path.sink.spans), it.counts.created, it.counts.pending))

    assert seen == [(3, 3, 3, 0), (3, 0, 0, 0)]


def test_calls_and_other_spans_leave_in_the_order_of_their_ends() -> None:
    """They go the same way."""
    it = Calls(ALWAYS_ON, delay_s=60)
    it.path.spans("a")
    it.make(1)
    it.path.spans("b")
    assert it.outbox.force_flush(20_000)
    it.outbox.shutdown()

    assert it.path.sink.names == ["a", "parse", "b"]


def test_steps_get_calls_as_spans_of_the_sdk() -> None:
    """A stranger's step knows no others."""
    kinds: list[type] = []
    it = Calls(ALWAYS_ON, Answering(lambda span: (kinds.append(type(span)), (span,))[1]))
    it.make(2)
    assert it.outbox.force_flush(20_000)
    it.outbox.shutdown()

    assert kinds == [ReadableSpan] * 2


def test_a_call_for_which_there_is_no_room_is_counted_all_the_same() -> None:
    """Its span is lost and said to be; that it ran is not forgotten."""
    release, started = threading.Event(), threading.Event()

    def block(span: ReadableSpan) -> Any:
        started.set()
        release.wait(20)
        return (span,)

    it = Calls(ALWAYS_ON, Answering(block), limit=5, batch=1, delay_s=0.01)
    it.make(1)
    assert started.wait(20)
    it.make(12)
    full = it.counts
    release.set()
    assert it.outbox.force_flush(20_000)
    it.outbox.shutdown()

    assert full.lost == {"buffer_full": 7}
    assert len(it.settled) == len(set(it.settled)) == 13
    assert (it.counts.created, it.counts.delivered, it.counts.pending) == (13, 6, 0)


def test_a_call_that_ends_after_shutdown_is_counted() -> None:
    """The metrics of the last collection have it; its span is lost for this reason."""
    it = Calls()
    late = it.light.open(SERIES, Context(), None)
    it.outbox.shutdown()
    late.close()

    assert (it.settled, it.counts.lost, it.counts.created) == ([late], {"after_shutdown": 1}, 1)


def test_what_there_was_no_time_for_is_counted_at_the_end() -> None:
    """Calls are settled, spans are lost by the exit limit."""
    release, started = threading.Event(), threading.Event()

    def hang(span: ReadableSpan) -> Any:
        started.set()
        release.wait(30)
        return (span,)

    it = Calls(ALWAYS_ON, Answering(hang), batch=1, exit_limit_s=0.2)
    it.make(1)
    assert started.wait(20)
    it.make(3)
    it.outbox.shutdown()

    assert len(it.settled) == 4
    assert (it.counts.lost, it.counts.pending) == ({"exit_limit": 3}, 1)
    release.set()


def test_a_call_that_ends_while_calls_are_counted_is_counted_once() -> None:
    """A finalizer, or an observer of the program's, may end one in the middle of it; also when all is over."""
    it = Calls(ALWAYS_ON, delay_s=60)
    settled: list[StageCall] = []

    def settle(calls: Sequence[StageCall]) -> None:
        settled.extend(calls)
        if len(settled) < 10:
            it.make(1)

    it.outbox.settle = settle
    it.make(1)
    wait_until(lambda: it.outbox.settle_all(20) and len(settled) == 10)
    it.outbox.shutdown()
    settled.clear()
    it.make(1)

    assert len(settled) == len(set(settled)) == 10
    assert it.counts.pending == 0


def test_a_call_that_cannot_be_read_costs_itself_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps get the others of its batch; it is lost for this reason."""
    readable = LightSpan.readable

    def failing(span: LightSpan) -> ReadableSpan:
        if span.item == "bad":
            raise OSError("the file is gone")
        return readable(span)

    monkeypatch.setattr(LightSpan, "readable", failing)
    it = Calls(ALWAYS_ON, Answering(lambda span: (span,)), delay_s=60)
    for item in ("a", "bad", "b"):
        call = it.light.open(SERIES, Context(), None)
        call.describe(item, None)
        call.close()
    assert it.outbox.force_flush(20_000)
    it.outbox.shutdown()

    assert [(span.attributes or {})["pipeline.item.id"] for span in it.path.sink.spans] == ["a", "b"]
    assert (len(it.settled), it.counts.lost, it.counts.pending) == (3, {"encode_failed": 1}, 0)


class Blocking:
    """A `settle` that blocks the first who counts until it is released, and notes what was counted."""

    def __init__(self) -> None:
        self.release, self.started = threading.Event(), threading.Event()
        self.settled: list[StageCall] = []

    def __call__(self, calls: Sequence[StageCall]) -> None:
        self.started.set()
        self.release.wait(30)
        self.settled.extend(calls)


def test_who_ends_calls_does_not_wait_for_an_observer_that_hangs() -> None:
    """Calls for which there is no room are counted by the next who can, each once; none is forgotten."""
    settle = Blocking()
    it = Calls(ALWAYS_OFF, limit=8, batch=1, delay_s=0.01)
    it.outbox.settle = settle
    it.make(1)
    assert settle.started.wait(20)
    it.make(16)
    before = list(settle.settled)
    settle.release.set()
    wait_until(lambda: it.outbox.settle_all(20) and len(settle.settled) == 17)
    it.outbox.shutdown()

    assert before == []
    assert len(settle.settled) == len(set(settle.settled)) == 17


def test_the_end_does_not_wait_for_an_observer_that_hangs() -> None:
    """It comes within the exit limit, and what ends afterwards is not held up either."""
    settle = Blocking()
    it = Calls(ALWAYS_OFF, limit=8, batch=1, delay_s=0.01, exit_limit_s=0.2)
    it.outbox.settle = settle
    it.make(1)
    assert settle.started.wait(20)
    it.make(3)
    it.outbox.shutdown()
    it.make(2)
    before = list(settle.settled)
    settle.release.set()

    assert before == []
    it.make(1)
    wait_until(lambda: (it.make(1), len(set(settle.settled)) >= 7)[1])
    assert len(settle.settled) == len(set(settle.settled))


def test_calls_that_wait_to_be_counted_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """The oldest are forgotten, which is said once."""
    settle = Blocking()
    it = Calls(ALWAYS_OFF, limit=4, batch=1, delay_s=0.01)
    it.outbox.settle = settle
    it.make(1)
    assert settle.started.wait(20)
    it.make(30)
    settle.release.set()
    wait_until(lambda: it.outbox.settle_all(20) and len(settle.settled) == 9)
    it.outbox.shutdown()

    assert [record.getMessage() for record in caplog.records] == [
        "some calls will not be counted: whoever looks at ended calls is too slow, or hangs"
    ]


def test_a_child_remembers_a_bounded_number_of_spans_that_are_dated_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that never end cost no memory without limit; the newest are known."""
    monkeypatch.setattr(outbox, "_MOST_DATED_BACK", 2)
    it = Path(delay_s=60)

    def child() -> object:
        opened = [it.tracer.start_span(f"s{number}", start_time=1) for number in range(4)]
        for span in opened:
            span.end()
        return [it.processor.force_flush(5000), it.sink.names]

    assert in_child(child) == [True, ["s2", "s3"]]
    it.provider.shutdown()


def test_a_child_settles_only_what_ends_in_it() -> None:
    """What waited at the fork is the parent's, and what runs there as well."""
    it = Calls(ALWAYS_ON, delay_s=60)
    running = it.light.open(SERIES, Context(), None)
    it.make(2)

    def child() -> object:
        running.abandon()
        running.close()
        it.make(1)
        flushed = it.outbox.force_flush(20_000)
        return [flushed, len(it.settled), len(it.path.sink.spans), it.counts.created]

    assert in_child(child) == [True, 1, 1, 1]
    running.close()
    it.outbox.shutdown()
    assert (len(it.settled), it.counts.delivered) == (3, 3)


@pytest.mark.parametrize("help_at", [None, 64])
def test_calls_of_many_threads_add_up_at_any_moment(help_at: int | None) -> None:
    """Calls and spans at once, with and without those who make them helping: all are settled, and the account balances."""
    it = Calls(ALWAYS_ON, limit=100_000, batch=64, delay_s=0.005, help_at=help_at)
    broken: list[Counts] = []

    def make() -> None:
        for _ in range(50):
            it.make(20)
            it.path.spans("theirs")

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        counts = it.counts
        if counts.pending < 0:
            broken.append(counts)
    for thread in threads:
        thread.join()
    assert it.outbox.force_flush(20_000)
    it.outbox.shutdown()

    assert broken == []
    assert len(it.settled) == len(set(it.settled)) == 6000
    assert (it.counts.created, it.counts.delivered, it.counts.pending, it.counts.lost) == (6300, 6300, 0, {})
