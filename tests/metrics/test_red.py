"""Rate, errors, duration and busyness of stage calls."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import set_span_in_context

from otelkit import names
from otelkit.metrics import RED_METRICS, RedObserver, build_instruments
from otelkit.metrics.stage_books import MAX_STAGES
from otelkit.model.calls import Outcome, Stage, StageCall, StageKind, StageSeries
from otelkit.model.contexts import NO_SCOPE
from otelkit.testing import MadeCall
from tests.forking import in_child
from tests.metrics.collected import Collected, key_of

PARSE = Stage("parse", StageKind.FUNCTION)
SECOND_NS = 1_000_000_000


class HandClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.at_ns = 5 * SECOND_NS

    def now_ns(self) -> int:
        return self.at_ns

    def monotonic_ns(self) -> int:
        return self.at_ns


class Bench:
    """An observer bound to metrics that can be read."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.collected = Collected()
        self.known: dict[tuple[Stage, str], StageSeries] = {}
        self.observer = RedObserver(self.clock, self.known.values)
        self.bind()

    def bind(self) -> None:
        specs = {spec.name: spec for spec in RED_METRICS}
        self.observer.bind(self.collected.meter, build_instruments(specs, self.collected.meter))

    def start(
        self, stage: Stage = PARSE, pipeline: str = "p", around: StageCall | None = None, scope: Context = NO_SCOPE
    ) -> MadeCall:
        series = self.known.setdefault((stage, pipeline), StageSeries(stage, pipeline))
        return MadeCall(stage, pipeline, series=series, enclosing=around, scope=scope, clock=self.clock)

    def end(self, call: MadeCall, error: BaseException | None = None, outcome: Outcome | None = None) -> None:
        call.end(error, outcome=outcome)
        self.observer.settled([call])

    @contextmanager
    def call(self, seconds: float) -> Iterator[StageCall]:
        call = self.start()
        yield call
        self.clock.at_ns += int(seconds * SECOND_NS)
        self.end(call)

    def points(self, name: str) -> dict[tuple[tuple[str, object], ...], object]:
        return self.collected.points(name)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def where(**more: object) -> tuple[tuple[str, object], ...]:
    return key_of({names.PIPELINE_NAME: "p", names.STAGE_NAME: "parse", **more})


@pytest.mark.requirement("MET-33", "MET-10", "MET-03")
def test_every_call_counts_with_its_duration_and_its_error_type(bench: Bench) -> None:
    """The histogram has each call; only failed ones carry the type of their error."""
    with bench.call(0.25):
        pass
    failing = bench.start()
    bench.clock.at_ns += SECOND_NS
    bench.end(failing, ValueError("no"))
    cancelled = bench.start()
    bench.end(cancelled, KeyboardInterrupt(), Outcome.CANCELLED)

    assert bench.points(names.METRIC_STAGE_DURATION) == {
        where(): (2, 0.25),
        where(**{names.ERROR_TYPE: "ValueError"}): (1, 1.0),
    }


@pytest.mark.requirement("MET-33")
def test_items_are_counted_by_outcome(bench: Bench) -> None:
    """Items handled well, failed and skipped are three series; one that never happened is absent."""
    call = bench.start()
    call.add_items(ok=12, skipped=2)
    bench.end(call)
    bench.end(bench.start(), ValueError())

    assert bench.points(names.METRIC_STAGE_ITEMS) == {
        where(**{names.ITEM_OUTCOME: "ok"}): 12,
        where(**{names.ITEM_OUTCOME: "failed"}): 1,
        where(**{names.ITEM_OUTCOME: "skipped"}): 2,
    }


def test_active_says_how_many_calls_run_now(bench: Bench) -> None:
    """Calls that have not ended are active, and none is left when all have."""
    first, second = bench.start(), bench.start()
    running = bench.points(names.METRIC_STAGE_ACTIVE)
    bench.end(first)
    bench.end(second, ValueError())

    assert running == {where(): 2}
    assert bench.points(names.METRIC_STAGE_ACTIVE) == {where(): 0}


def test_the_metrics_are_of_the_declared_kinds(bench: Bench) -> None:
    """A backend sees a histogram in seconds, a counter, an up-down counter and a gauge, as the reference says."""
    with bench.call(1):
        pass
    metrics = bench.collected.metrics()

    assert {name: (type(metric.data).__name__, metric.unit) for name, metric in metrics.items()} == {
        names.METRIC_STAGE_DURATION: ("Histogram", "s"),
        names.METRIC_STAGE_ACTIVE: ("Sum", "{call}"),
        names.METRIC_STAGE_ITEMS: ("Sum", "{item}"),
        names.METRIC_STAGE_BUSY: ("Gauge", "1"),
    }
    assert metrics[names.METRIC_STAGE_ITEMS].data.is_monotonic
    assert not metrics[names.METRIC_STAGE_ACTIVE].data.is_monotonic
    assert {metric.description for metric in metrics.values()} == {spec.meaning for spec in RED_METRICS}


class TestBusy:
    """The share of wall time in which a stage ran."""

    def test_it_is_the_share_since_the_last_reading(self, bench: Bench) -> None:
        """One second of work in four is 0.25; an idle second after it is 0."""
        with bench.call(1):
            pass
        bench.clock.at_ns += 3 * SECOND_NS
        first = bench.points(names.METRIC_STAGE_BUSY)
        bench.clock.at_ns += SECOND_NS

        assert first == {where(): 0.25}
        assert bench.points(names.METRIC_STAGE_BUSY) == {where(): 0.0}

    def test_a_running_call_counts_up_to_now(self, bench: Bench) -> None:
        """A call that takes long is busy before it ends, and counts once over all readings."""
        call = bench.start()
        shares = []
        for _ in range(3):
            bench.clock.at_ns += SECOND_NS
            shares += bench.points(names.METRIC_STAGE_BUSY).values()
        bench.end(call)
        bench.clock.at_ns += SECOND_NS
        shares += bench.points(names.METRIC_STAGE_BUSY).values()

        assert shares == [1.0, 1.0, 1.0, 0.0]

    def test_workers_add_up(self, bench: Bench) -> None:
        """Two workers that never rest, and one that works half the time, make 2.5."""
        calls = [bench.start() for _ in range(3)]
        bench.clock.at_ns += SECOND_NS
        bench.end(calls.pop())
        bench.clock.at_ns += SECOND_NS

        assert bench.points(names.METRIC_STAGE_BUSY) == {where(): 2.5}

    def test_a_stage_that_calls_itself_is_busy_once(self, bench: Bench) -> None:
        """Of calls inside each other the outermost counts, while they run and when they have ended, in whatever order."""
        outer = bench.start()
        other = bench.start(Stage("walk", StageKind.FUNCTION), around=outer)
        inner = bench.start(around=other)
        innermost = bench.start(around=inner)
        bench.clock.at_ns += SECOND_NS
        running = bench.points(names.METRIC_STAGE_BUSY)[where()]
        bench.clock.at_ns += SECOND_NS
        for call in (innermost, inner, other, outer):
            call.end()
        bench.observer.settled([outer, innermost, other, inner])

        assert (running, bench.points(names.METRIC_STAGE_BUSY)[where()]) == (1.0, 1.0)

    def test_a_task_that_outlives_the_call_that_started_it_is_busy_from_then_on(self, bench: Bench) -> None:
        """Its time counts where no call of its stage is around it any more."""
        outer = bench.start()
        task = bench.start(around=outer)
        bench.clock.at_ns += SECOND_NS
        outer.end()
        bench.observer.settled([outer])
        bench.clock.at_ns += SECOND_NS
        running = bench.points(names.METRIC_STAGE_BUSY)
        bench.clock.at_ns += SECOND_NS
        bench.end(task)
        bench.clock.at_ns += SECOND_NS

        assert running == {where(): 1.0}
        assert bench.points(names.METRIC_STAGE_BUSY) == {where(): 0.5}

    def test_a_call_that_has_ended_and_is_not_settled_yet_counts_later(self, bench: Bench) -> None:
        """The share of a window is never negative, and no time is lost between two."""
        call = bench.start()
        shares = []
        for step in range(3):
            bench.clock.at_ns += SECOND_NS
            if step == 1:
                call.end()
            if step == 2:
                bench.observer.settled([call])
            shares += bench.points(names.METRIC_STAGE_BUSY).values()

        assert shares == [1.0, 0.0, 1.0]

    def test_two_readers_at_once_get_the_same_share(self, bench: Bench) -> None:
        """A second reader right after the first does not see a share of the microseconds in between."""
        with bench.call(1):
            pass
        bench.clock.at_ns += SECOND_NS
        first = bench.points(names.METRIC_STAGE_BUSY)
        bench.clock.at_ns += 1000
        call = bench.start()
        second = bench.points(names.METRIC_STAGE_BUSY)
        bench.end(call)

        assert first == second == {where(): 0.5}


@pytest.mark.requirement("MET-33")
def test_the_counts_are_exact_with_many_threads(bench: Bench) -> None:
    """No call is lost or counted twice when threads run the same stage at once."""
    threads, calls = 8, 500

    def work() -> None:
        for number in range(calls):
            bench.end(bench.start(), ValueError() if number % 5 == 0 else None)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert bench.points(names.METRIC_STAGE_ITEMS) == {
        where(**{names.ITEM_OUTCOME: "ok"}): threads * calls * 4 // 5,
        where(**{names.ITEM_OUTCOME: "failed"}): threads * calls // 5,
    }
    assert bench.points(names.METRIC_STAGE_ACTIVE) == {where(): 0}
    assert sum(count for count, _ in bench.points(names.METRIC_STAGE_DURATION).values()) == threads * calls


def test_a_sampled_call_gives_an_exemplar_and_an_unsampled_one_does_not(bench: Bench) -> None:
    """The histogram points at traces that exist, from the call's own context."""
    ids = []
    for provider in (TracerProvider(shutdown_on_exit=False), TracerProvider(ALWAYS_OFF, shutdown_on_exit=False)):
        span = provider.get_tracer("t").start_span("parse")
        ids.append(span.get_span_context().trace_id)
        call = bench.start(scope=set_span_in_context(span))
        bench.clock.at_ns += SECOND_NS
        bench.end(call)
        span.end()
    (point,) = bench.collected.metrics()[names.METRIC_STAGE_DURATION].data.data_points

    assert point.count == 2
    assert [exemplar.trace_id for exemplar in point.exemplars] == [ids[0]]


@pytest.mark.requirement("MET-32")
def test_stage_names_made_up_at_run_time_do_not_fill_the_memory(bench: Bench) -> None:
    """Beyond 2,000 stages the rest is counted in one series, so that totals stay right."""
    extra = 5
    for number in range(MAX_STAGES + extra):
        bench.end(bench.start(Stage(f"s{number}", StageKind.BLOCK)))
    items = bench.points(names.METRIC_STAGE_ITEMS)
    # From SDK 1.45.2 on its own limit comes first, and leaves nothing but that mark.
    beyond = sum(count for where, count in items.items() if (names.METRIC_OVERFLOW, True) in where)

    assert beyond == extra
    assert len(items) <= MAX_STAGES + 1
    assert sum(items.values()) == MAX_STAGES + extra


@pytest.mark.requirement("MET-32")
def test_error_types_without_end_become_other(bench: Bench) -> None:
    """A program that makes an exception class per item gets 100 error types and `_OTHER`."""
    for number in range(150):
        bench.end(bench.start(), type(f"E{number}", (Exception,), {})())
    points = bench.points(names.METRIC_STAGE_DURATION)

    assert points[where(**{names.ERROR_TYPE: "_OTHER"})][0] == 50
    assert len(points) == 101


def test_a_forked_child_counts_its_own_calls_only() -> None:
    """What the parent has counted before the fork is not counted again, and no call of the parent's runs in the child."""
    bench = Bench()
    bench.end(bench.start())
    parents_call = bench.start()

    def child() -> dict[str, list[object]]:
        # As the runtime does it.
        parents_call.abandon()
        parents_call.series.running.clear()
        bench.collected = Collected()
        bench.bind()
        bench.end(bench.start())
        return {
            name: list(bench.points(name).values())
            for name in (names.METRIC_STAGE_ITEMS, names.METRIC_STAGE_ACTIVE, names.METRIC_STAGE_DURATION)
        }

    # JSON knows no tuples.
    assert in_child(child) == {
        names.METRIC_STAGE_ITEMS: [1],
        names.METRIC_STAGE_ACTIVE: [0],
        names.METRIC_STAGE_DURATION: [[1, 0.0]],
    }


def test_a_call_that_the_garbage_collector_ends_waits_for_the_sdks_locks(bench: Bench) -> None:
    """A forgotten generator may be closed while this very thread records: nothing hangs, and nothing is lost."""
    lock = threading.Lock()
    recorded: list[float] = []

    class Locked:
        def record(self, amount: float, attributes: object, context: object) -> None:
            assert lock.acquire(timeout=5), "deadlock"
            with_garbage()
            recorded.append(amount)
            lock.release()

    class Forgotten:
        """Ends a call when it is collected, as an abandoned generator does."""

        def __init__(self) -> None:
            self.me = self
            self.call = bench.start()

        def __del__(self) -> None:
            bench.clock.at_ns += SECOND_NS
            bench.end(self.call)

    def with_garbage() -> None:
        if not recorded:
            Forgotten()
            gc.collect()

    bench.collected = Collected()
    bench.observer.bind(bench.collected.meter, {names.METRIC_STAGE_DURATION: Locked()})
    bench.end(bench.start())
    before = list(recorded)
    bench.points(names.METRIC_STAGE_ACTIVE)

    assert (before, recorded) == ([0.0], [0.0, 1.0])


def test_before_it_is_bound_it_observes_without_fault() -> None:
    """A call that ends before the instruments are there harms nothing."""
    observer = RedObserver(HandClock())
    call = MadeCall(PARSE, "p")
    call.end()
    observer.settled([call])


def test_a_forked_child_of_a_program_with_its_own_provider_counts_from_zero() -> None:
    """Where nobody binds anew, the instruments there are read the child's counts and not the parent's."""
    bench = Bench()
    for _ in range(3):
        bench.end(bench.start())

    def child() -> list[object]:
        bench.end(bench.start())
        return list(bench.points(names.METRIC_STAGE_ITEMS).values())

    assert in_child(child) == [1]


def test_the_slowest_and_the_last_sampled_call_of_a_batch_are_exemplars(bench: Bench) -> None:
    """Of many calls, those that are looked for: whatever came between, and whatever was not sampled."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    calls = []
    for duration_s in (0.2, 7, 0.3, 0.002, 20):
        span = tracer.start_span("parse")
        call = bench.start(scope=set_span_in_context(span) if duration_s != 20 else NO_SCOPE)
        call.end(duration_ns=int(duration_s * SECOND_NS))
        calls.append(call)
        span.end()
    bench.observer.settled(calls)
    (point,) = bench.collected.metrics()[names.METRIC_STAGE_DURATION].data.data_points

    assert point.count == 5
    assert [(exemplar.value, exemplar.trace_id) for exemplar in point.exemplars] == [
        (0.002, calls[3].trace_id),
        (7, calls[1].trace_id),
    ]


def test_the_observer_keeps_no_call_alive(bench: Bench) -> None:
    """Values that a call refers to are freed when it has ended."""
    before = len([thing for thing in gc.get_objects() if isinstance(thing, StageCall)])
    for _ in range(50):
        bench.end(bench.start(), ValueError())
    gc.collect()

    assert len([thing for thing in gc.get_objects() if isinstance(thing, StageCall)]) <= before
