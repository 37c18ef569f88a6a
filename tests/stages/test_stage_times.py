"""How stages spend their time, told by a clock that only the stages move."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any

import pytest

import otelkit
from otelkit import names
from otelkit.stages import measures
from otelkit.stages.stage_times import StageTimes
from otelkit.testing import FakeClock, MadeCall, Recorder
from tests.forking import in_child

Times = dict[str, dict[str, float]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def recorder(clock: FakeClock) -> Iterator[Recorder]:
    with Recorder(clock=clock) as recorder:
        yield recorder


class SlowQueue(queue.Queue[Any]):
    """Takes so long to put and to get."""

    def __init__(self, clock: FakeClock, put_s: float = 0.0, get_s: float = 0.0) -> None:
        super().__init__()
        self.clock, self.put_s, self.get_s = clock, put_s, get_s

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self.clock.advance(self.put_s)
        super().put(item, block, timeout)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        self.clock.advance(self.get_s)
        return super().get(block, timeout)


def times(recorder: Recorder) -> Times:
    """Return seconds by stage and by state, with the queue behind a slash where it is time at one; without what is zero."""
    found: Times = {}
    for point in recorder.points(names.METRIC_STAGE_TIME):
        state = str(point.attributes[names.STAGE_STATE])
        if names.QUEUE_NAME in point.attributes:
            state += f"/{point.attributes[names.QUEUE_NAME]}"
        if point.value:
            found.setdefault(str(point.attributes[names.STAGE_NAME]), {})[state] = point.value
    return found


def test_time_at_a_queue_inside_a_call_is_no_work(clock: FakeClock, recorder: Recorder) -> None:
    """What is left of the call is."""
    source = otelkit.watch(SlowQueue(clock, get_s=3), "source")
    target = otelkit.watch(SlowQueue(clock, put_s=2), "target")
    source.put("item")
    with otelkit.stage("parse"):
        item = source.get()
        clock.advance(1)
        target.put(item)

    assert times(recorder) == {"parse": {"busy": 1, "starved/source": 3, "blocked/target": 2}}


def test_time_at_a_queue_between_calls_is_that_of_the_stage_before_and_after(
    clock: FakeClock, recorder: Recorder
) -> None:
    """A worker's loop: get, call the stage, put."""
    source = otelkit.watch(SlowQueue(clock, get_s=3), "source")
    target = otelkit.watch(SlowQueue(clock, put_s=2), "target")
    source.put("item")

    @otelkit.stage("parse")
    def parse(item: str) -> str:
        with otelkit.stage("inner"):
            clock.advance(4)
        clock.advance(1)
        return item

    def work() -> None:
        target.put(parse(source.get()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert times(recorder) == {"parse": {"busy": 1, "starved/source": 3, "blocked/target": 2}, "inner": {"busy": 4}}


def test_tasks_wait_each_for_their_own_stage(clock: FakeClock, recorder: Recorder) -> None:
    """A task's stages are not those of the task that made it."""

    class SlowAsyncQueue(asyncio.Queue[str]):
        async def get(self) -> str:
            clock.advance(3)
            return await super().get()

        async def put(self, item: str) -> None:
            clock.advance(2)
            await super().put(item)

    async def main() -> None:
        jobs = otelkit.watch(SlowAsyncQueue(), "jobs")
        with otelkit.stage("main"):
            pass

        async def feed() -> None:
            await jobs.put("nobody's")
            with otelkit.stage("feed"):
                pass
            await jobs.put("feed's")

        async def drain() -> None:
            await jobs.get()
            with otelkit.stage("drain"):
                pass
            await jobs.get()

        await asyncio.create_task(feed())
        await asyncio.create_task(drain())

    asyncio.run(main())

    assert times(recorder) == {"feed": {"blocked/jobs": 2}, "drain": {"starved/jobs": 3}}


def test_a_wait_that_ends_empty_handed_was_a_wait(clock: FakeClock, recorder: Recorder) -> None:
    """A consumer that asks again and again is starved, not busy."""
    jobs = otelkit.watch(SlowQueue(clock, get_s=1), "jobs")
    with otelkit.stage("poll"):
        for _ in range(3):
            with pytest.raises(queue.Empty):
                jobs.get(block=False)

    assert times(recorder) == {"poll": {"starved/jobs": 3}}


def test_a_generator_is_blocked_while_its_consumer_is_at_work(clock: FakeClock, recorder: Recorder) -> None:
    """Whose time that is: the consumer's alone, also where the generator runs inside of it."""

    @otelkit.stage("read")
    def read() -> Generator[int, None, None]:
        for number in range(3):
            clock.advance(1)
            yield number

    @otelkit.stage("parse")
    def parse() -> None:
        for _ in read():
            clock.advance(5)

    parse()

    assert times(recorder) == {"read": {"busy": 3, "blocked": 15}, "parse": {"busy": 15}}


def test_recursion_counts_time_once(clock: FakeClock, recorder: Recorder) -> None:
    """Three levels of one second each are three seconds."""

    @otelkit.stage("walk")
    def walk(depth: int) -> None:
        clock.advance(1)
        if depth > 1:
            walk(depth - 1)

    walk(3)

    assert times(recorder) == {"walk": {"busy": 3}}


def test_a_call_settled_before_the_one_inside_it_takes_no_time_from_others() -> None:
    """The next object may have the same place in memory as the one that is gone; that makes it no heir."""
    sums = StageTimes()
    for _ in range(20):
        outer = MadeCall("outer")
        inner = MadeCall("inner", enclosing=outer)
        for call, start_ns, duration_ns in ((outer, 0, 100), (inner, 10, 80)):
            call.start_ns = start_ns
            call.end(duration_ns=duration_ns)
        sums.settled([outer])
        sums.settled([inner])
        del outer, inner, call
        other = MadeCall("other")
        other.end(duration_ns=100)
        sums.settled([other])
        del other
    found = {point.attributes[names.STAGE_NAME]: point.value for point in sums.observations([])}

    assert found == {"outer": 2e-6, "inner": 1.6e-6, "other": 2e-6}


def test_calls_that_run_count_up_to_now_and_sums_never_sink(clock: FakeClock, recorder: Recorder) -> None:
    """Waits that are not over yet, too."""
    jobs = otelkit.watch(SlowQueue(clock, get_s=2), "jobs")
    seen: list[Times] = []
    get = jobs.get_nowait

    def look_and_get() -> Any:
        clock.advance(4)
        seen.append(times(recorder))
        return get()

    jobs.get_nowait = look_and_get  # what the watched get_nowait calls: the queue's own
    jobs.put(1)
    with otelkit.stage("outer"):
        clock.advance(1)
        seen.append(times(recorder))
        with otelkit.stage("parse"):
            clock.advance(1)
            seen.append(times(recorder))
            jobs.get()
            seen.append(times(recorder))
    seen.append(times(recorder))

    assert seen == [
        {"outer": {"busy": 1}},
        {"outer": {"busy": 1}, "parse": {"busy": 1}},
        {"outer": {"busy": 1}, "parse": {"busy": 1, "starved/jobs": 2}},
        {"outer": {"busy": 1}, "parse": {"busy": 1, "starved/jobs": 2}},
    ]


def test_a_wait_that_goes_on_is_a_wait_already(clock: FakeClock, recorder: Recorder) -> None:
    """A consumer that has been starved for a minute is shown as starved, not as busy."""
    seen: list[Times] = []

    class Looking(queue.Queue[int]):
        def get(self, block: bool = True, timeout: float | None = None) -> int:
            clock.advance(60)
            seen.append(times(recorder))
            return super().get(block, timeout)

    jobs = otelkit.watch(Looking(), "jobs")
    jobs.put(1)
    with otelkit.stage("parse"):
        jobs.get()

    assert seen == [{"parse": {"starved/jobs": 60}}]


def test_a_stage_that_goes_on_in_threads_is_not_at_work_while_they_are(clock: FakeClock, recorder: Recorder) -> None:
    """It waits for them; where they outlive it, their time is theirs."""
    may_go = threading.Event()

    def work(seconds: float) -> None:
        with otelkit.stage("work"):
            clock.advance(seconds)

    def later() -> None:
        with otelkit.stage("late"):
            may_go.wait(30)

    with otelkit.stage("outer"):
        thread = threading.Thread(target=work, args=(5,))
        thread.start()
        thread.join()
        clock.advance(1)
    with otelkit.stage("left"):
        thread = threading.Thread(target=later)
        thread.start()
        clock.advance(2)
    may_go.set()
    thread.join()
    found = times(recorder)

    assert {name: found[name] for name in ("outer", "work", "left")} == {
        "outer": {"busy": 1},
        "work": {"busy": 5},
        "left": {"busy": 2},
    }


def test_a_forked_child_counts_its_own_time(clock: FakeClock, recorder: Recorder) -> None:
    """The parent's is the parent's."""
    with otelkit.stage("parse"):
        clock.advance(1)

        def child() -> Any:
            with otelkit.stage("inner"):
                clock.advance(2)
            return times(recorder)

        assert in_child(child) == {"inner": {"busy": 2}}


def test_queues_tell_how_long_somebody_waited_at_them(clock: FakeClock, recorder: Recorder) -> None:
    """However many they were at a time."""
    jobs = otelkit.watch(SlowQueue(clock, put_s=2, get_s=3), "timed")
    jobs.put(1)
    jobs.get()
    found = {
        str(point.attributes[names.QUEUE_STATE]): point.value
        for point in recorder.points(names.METRIC_QUEUE_TIME)
        if point.attributes[names.QUEUE_NAME] == "timed"
    }

    assert found == {"full": 2, "empty": 3}


def test_names_made_of_data_do_not_fill_the_memory(clock: FakeClock, recorder: Recorder) -> None:
    """Beyond 2,000 stages the rest is counted together."""
    for number in range(2_100):
        with otelkit.stage(f"stage {number}"):
            clock.advance(1)
    points = recorder.points(names.METRIC_STAGE_TIME)
    others = [point.value for point in points if names.METRIC_OVERFLOW in point.attributes]

    assert sum(point.value for point in points) == 2_100
    assert others == [100]
    assert len(measures.times._accounts) == 2_001
