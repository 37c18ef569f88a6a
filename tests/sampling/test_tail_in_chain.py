"""The tail sampler's step on the path of real spans: nothing goes uncounted, and memory is what the setting says."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

import otelkit
from otelkit.ledger.ledger import Ledger
from otelkit.model.blueprint import Offered
from otelkit.model.traces import FragmentEnd
from otelkit.sampling import tracestate
from otelkit.sampling.tail import OtelkitTail
from otelkit.sampling.trace_buffer import BufferLimits
from otelkit.spans.chain import Chain
from otelkit.spans.ended import Ended
from otelkit.spans.light_span import LightSpan
from otelkit.testing import Recorder
from tests.forking import in_child
from tests.sampling.tails import ROOMY, AskedJudge, at

pytestmark = [pytest.mark.sdk, pytest.mark.requirement("TRC-17")]


@otelkit.stage("parse")
def parse(number: int) -> None:
    if number % 10 == 0:
        raise ValueError(number)


@otelkit.stage("file")
def file(number: int) -> None:
    with trace.get_tracer("strange").start_as_current_span("GET"), contextlib.suppress(ValueError):
        parse(number)


class Path:
    """Everything between the end of a span and its delivery, in this thread."""

    def __init__(self, sampler: OtelkitTail) -> None:
        self.ledger = Ledger()
        self.delivered: list[Ended] = []
        self.chain = Chain([Offered("test", None, sampler.step)], self._deliver, account=self.ledger)
        self.lock = threading.Lock()

    def ended(self, spans: Sequence[Ended]) -> None:
        with self.lock:
            self.ledger.created("traces", len(spans))
            self.chain.run(spans)

    def _deliver(self, spans: Sequence[Ended]) -> None:
        self.delivered += spans
        self.ledger.delivered("traces", len(spans))

    @property
    def sums_up(self) -> bool:
        """Whether what came in is what went out, what was left out, and what is held."""
        counts = self.ledger.counts("traces")
        return not counts.lost and counts.created == counts.delivered + counts.dropped + counts.pending


@contextlib.contextmanager
def recorded(sampler: OtelkitTail) -> Iterator[Path]:
    """Take the spans of this process through the sampler's step."""
    path = Path(sampler)
    with Recorder(sampler=sampler) as recorder:
        recorder._chain.run = path.ended  # type: ignore[method-assign] # the recorder's own knows no account
        yield path


def made(limits: BufferLimits = ROOMY, probability: float = 0.5) -> OtelkitTail:
    return OtelkitTail(AskedJudge(at(probability)), limits)


def th_of(span: Ended) -> int | None:
    # As it is exported: what a stage's span tells those below it stays what it was before the decision.
    context = (span.readable() if isinstance(span, LightSpan) else span).context
    return tracestate.threshold_of(context.trace_state) if context is not None else None


def test_the_account_sums_up_at_every_moment() -> None:
    """Created is delivered, dropped or pending, while traces are open, judged, evicted, and at the end."""
    chance = random.Random(3)
    sampler = made(BufferLimits(bytes=65_536, spans=60, traces=20, age_s=30))
    with recorded(sampler) as path:
        for number in range(300):
            if chance.random() < 0.2:
                with otelkit.run("nightly"):
                    for inner in range(chance.randrange(40)):
                        file(inner)
                        assert path.sums_up
            file(number)
            assert path.sums_up
            assert path.ledger.counts("traces").pending == sampler.step.held()
        path.chain.close(1.0)

    counts = path.ledger.counts("traces")
    assert path.sums_up
    assert (counts.pending, counts.delivered) == (0, len(path.delivered))
    assert sampler.step.judged[FragmentEnd.PRESSURE] > 10
    assert counts.dropped > 100


def test_threads_and_tasks_leave_whole_traces() -> None:
    """However their ends fall among each other: each trace leaves as a whole or not at all, with one threshold."""
    sampler = made()

    @otelkit.stage("request")
    async def request(number: int) -> None:
        await asyncio.gather(*(asyncio.to_thread(file, number + inner) for inner in range(3)))

    async def all_of_them() -> None:
        await asyncio.gather(*(request(10 * number + 1) for number in range(40)))

    with recorded(sampler) as path:
        asyncio.run(all_of_them())

    traces: dict[int, list[Ended]] = {}
    for span in path.delivered:
        context = span.get_span_context()
        assert context is not None
        traces.setdefault(context.trace_id, []).append(span)
    assert {len(spans) for spans in traces.values()} <= {10}
    assert all(len({th_of(span) for span in spans}) == 1 for spans in traces.values())
    assert sampler.step.held() == 0
    assert path.sums_up


def test_what_comes_below_an_ended_stage_goes_by_what_the_stage_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that kept the context: its failed spans, and what it sends to other processes, count as often as they are.

    All of them are kept with certainty, whatever became of the trace, so that the count is exact: the trace's own threshold
    is not on what travels, since it says nothing of those that are kept without the trace. That none of 400 traces is kept
    has a probability of 0.9^400, 5e-19.
    """
    monkeypatch.setattr("otelkit.testing.recorder.CountingIds", RandomIdGenerator)

    @otelkit.stage("handle")
    def handle() -> Context:
        return get_current()

    traces = 400
    sent = Counter[str]()
    with recorded(made(probability=0.1)) as path:
        for number in range(traces):
            around = handle()
            carrier: dict[str, str] = {}
            inject(carrier, context=around)
            sent[carrier["tracestate"]] += 1
            late = trace.get_tracer("strange").start_as_current_span("late", context=around)
            with contextlib.suppress(ValueError), late:
                raise ValueError(number)
    thresholds = {
        name: Counter(th_of(span) for span in path.delivered if span.name == name) for name in ("handle", "late")
    }

    assert sent == {"ot=th:0": traces}
    assert set(thresholds["handle"]) == {tracestate.threshold_for(0.1)}
    assert thresholds["late"] == {0: traces}


def test_memory_is_what_the_setting_says() -> None:
    """Traces that never end, of stages and of another instrumentation, with attributes and errors; by tracemalloc.

    At most a tenth more than the setting: the estimates of single spans are tested to be no worse.
    """
    limits = BufferLimits(bytes=2 << 20, spans=1_000_000, traces=100_000, age_s=3600)
    sampler, judge = made(limits, 0.0), AskedJudge(at(0.0))
    sampler.step.judge = judge
    tracer = trace.get_tracer("strange")

    def fill(rounds: int) -> None:
        for number in range(rounds):
            endless = tracer.start_span("endless")
            with trace.use_span(endless, end_on_exit=False):
                for inner in range(4):
                    file(10 * number + inner)

    def forget() -> None:
        """Drop what only this test holds: what has left, and what the judge was asked."""
        path.delivered.clear()
        recorder.calls.clear()
        judge.asked.clear()
        gc.collect()

    with recorded(sampler) as path, Recorder(sampler=sampler) as recorder:
        recorder._chain.run = path.ended  # type: ignore[method-assign] # see above
        fill(20)
        path.chain.close(1.0)
        forget()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            fill(400)
            forget()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert sampler.step.judged[FragmentEnd.PRESSURE] > 100
    assert sampler.step.held_bytes <= 2 << 20
    assert after - before <= 1.1 * (2 << 20)


def test_a_step_that_fails_is_switched_off_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it held leaves once, and all that comes after it passes by."""
    sampler = made(probability=1.0)

    def broken(batch: object) -> object:
        raise RuntimeError("broken")

    with recorded(sampler) as path:
        path.chain.barriers["otelkit_tail"].distribution = "strange"  # whose faults are contained under test, too
        with otelkit.run("nightly"):
            file(1)
            held = sampler.step.held()
            monkeypatch.setattr(sampler.step, "on_ended", broken)
            for number in range(1, 20):
                file(number)

    assert held == 3
    assert path.chain.barriers["otelkit_tail"].off
    assert path.ledger.counts("traces").pending == 0
    assert len(path.delivered) == 20 * 3 + 1
    assert all(th_of(span) == 0 for span in path.delivered)


def test_a_forked_child_counts_and_decides_on_its_own_spans_only() -> None:
    """The parent's held ones stay the parent's, and are delivered there."""
    sampler = made(probability=1.0)
    with recorded(sampler) as path:

        def there() -> object:
            path.lock = threading.Lock()
            path.chain.after_fork()
            path.delivered.clear()
            file(1)
            path.chain.close(1.0)
            counts = path.ledger.counts("traces")
            return [len(path.delivered), counts.created, counts.pending]

        with otelkit.run("nightly"):
            file(1)
            answer = in_child(there)
        path.chain.close(1.0)

    assert answer == [3, 3, 0]
    assert [span.name for span in path.delivered] == ["parse", "GET", "file", "nightly"]
    assert all(isinstance(span, LightSpan) or span.name in ("GET", "nightly") for span in path.delivered)


def test_a_recorder_shows_what_the_sampler_leaves() -> None:
    """A program's own tests see what would be kept, and why."""
    with Recorder(sampler=made(probability=0.0)) as recorder:
        for number in range(1, 21):
            file(number)

    assert recorder.tree() == ["file", "  GET", "    parse"] * 2
    assert {
        str(span.attributes and span.attributes.get("otelkit.sampling.reason")) for span in recorder.named("file")
    } == {"error"}
