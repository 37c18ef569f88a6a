"""`otelkit.watch`: what a queue holds and how long it makes wait."""

from __future__ import annotations

import asyncio
import gc
import inspect
import multiprocessing
import pickle
import queue
import threading
import weakref
from typing import Any

import pytest

import otelkit
from otelkit import names
from otelkit.testing import Recorder
from tests.forking import in_child
from tests.waiting import wait_until


def points(recorder: Recorder, metric: str) -> dict[str, float]:
    return {str(point.attributes[names.QUEUE_NAME]): point.value for point in recorder.points(metric)}


def waits(recorder: Recorder) -> dict[str, int | None]:
    return {
        str(point.attributes[names.LABEL_OPERATION]): point.count for point in recorder.points(names.METRIC_QUEUE_WAIT)
    }


@pytest.mark.parametrize(
    "make", [queue.Queue, queue.LifoQueue, queue.PriorityQueue, asyncio.Queue, multiprocessing.Queue]
)
def test_a_watched_queue_is_an_instance_of_its_class(make: Any) -> None:
    """isinstance, repr and attributes answer as the queue does."""
    bare = make(3)
    watched = otelkit.watch(bare, "a->b")

    assert isinstance(watched, type(bare))
    assert repr(watched) == repr(bare)
    assert watched.empty()
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = watched.no_such_thing
    if make is multiprocessing.Queue:
        bare.close()


def test_depth_and_capacity_are_read_when_metrics_are_collected(recorder: Recorder) -> None:
    """Also what has been put past the watched object; an unbounded queue has no capacity."""
    bounded: queue.Queue[int] = queue.Queue(5)
    watched = otelkit.watch(bounded, "bounded")
    unbounded = otelkit.watch(queue.SimpleQueue[int](), "unbounded")
    watched.put(1)
    bounded.put(2)
    unbounded.put(3)

    assert points(recorder, names.METRIC_QUEUE_DEPTH) == {"bounded": 2, "unbounded": 1}
    assert points(recorder, names.METRIC_QUEUE_CAPACITY) == {"bounded": 5}


def test_everything_about_the_queue_still_works(recorder: Recorder) -> None:
    """Order, join and task_done, the errors of the nowait methods and of timeouts, and changing its size."""
    jobs = otelkit.watch(queue.Queue[str](1), "jobs")
    jobs.put("a")
    with pytest.raises(queue.Full):
        jobs.put_nowait("b")
    with pytest.raises(queue.Full):
        jobs.put("b", timeout=0.001)
    jobs.maxsize = 2
    jobs.put(item="b", block=False)

    assert jobs.full()
    assert [jobs.get(), jobs.get_nowait()] == ["a", "b"]
    with pytest.raises(queue.Empty):
        jobs.get_nowait()
    jobs.task_done()
    jobs.task_done()
    jobs.join()
    assert (jobs.qsize(), jobs.maxsize) == (0, 2)


def test_waits_are_recorded_for_items_that_were_handed_over(recorder: Recorder) -> None:
    """One for each put and get that succeeded; an attempt that failed has handed over nothing."""
    jobs = otelkit.watch(queue.Queue[int](1), "jobs")
    jobs.put(1)
    with pytest.raises(queue.Full):
        jobs.put_nowait(2)
    jobs.get()
    with pytest.raises(queue.Empty):
        jobs.get_nowait()

    assert waits(recorder) == {"put": 1, "get": 1}


def test_a_consumer_that_waits_is_seen_to_wait(recorder: Recorder) -> None:
    """The time from its get to its item."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")
    getting = threading.Event()

    def consume() -> None:
        getting.set()
        jobs.get()

    thread = threading.Thread(target=consume)
    thread.start()
    getting.wait(20)
    wait_until(lambda: jobs.not_empty._waiters)  # type: ignore[attr-defined]  # the condition that the consumer waits on
    jobs.put(1)
    thread.join()
    by_operation = {
        point.attributes[names.LABEL_OPERATION]: point.value for point in recorder.points(names.METRIC_QUEUE_WAIT)
    }

    assert by_operation["get"] > 0


def test_an_asyncio_queue_is_watched_the_same_way(recorder: Recorder) -> None:
    """put and get stay coroutine functions, cancellation passes through."""

    async def main() -> int:
        jobs = otelkit.watch(asyncio.Queue[int](2), "jobs")
        await jobs.put(1)
        jobs.put_nowait(2)
        with pytest.raises(asyncio.QueueFull):
            jobs.put_nowait(3)
        got = await jobs.get() + jobs.get_nowait()
        waiting = asyncio.create_task(jobs.get())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return got

    assert asyncio.run(main()) == 3
    assert waits(recorder) == {"put": 2, "get": 2}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_multiprocessing_queue_can_be_handed_to_a_child(method: str, recorder: Recorder) -> None:
    """By inheritance and by pickling; it is still the one queue."""
    context: Any = multiprocessing.get_context(method)
    jobs = otelkit.watch(context.Queue(3), "jobs")
    child = context.Process(target=jobs.put, args=("from the child",))
    child.start()
    try:
        assert jobs.get(timeout=30) == "from the child"
    finally:
        child.join(30)
    assert child.exitcode == 0
    assert points(recorder, names.METRIC_QUEUE_CAPACITY) == {"jobs": 3}
    jobs.close()


def test_only_the_process_that_watches_reports_the_depth(recorder: Recorder) -> None:
    """A forked child has the same queue, and would count it twice."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")

    assert in_child(lambda: list(points(recorder, names.METRIC_QUEUE_DEPTH))) == []
    assert list(points(recorder, names.METRIC_QUEUE_DEPTH)) == ["jobs"]
    del jobs


def test_a_queue_nobody_uses_any_more_is_forgotten(recorder: Recorder) -> None:
    """Watching keeps no queue alive."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")
    was_queue = weakref.ref(jobs)
    del jobs
    gc.collect()

    assert was_queue() is None
    assert points(recorder, names.METRIC_QUEUE_DEPTH) == {}


def test_queues_of_other_makes_are_watched_with_all_they_have(recorder: Recorder) -> None:
    """Special methods included; one whose size cannot be asked has no depth."""

    class Strange:
        def put(self, item: object) -> None: ...

        def get(self) -> str:
            return "item"

        def qsize(self) -> int:
            raise NotImplementedError

        def __len__(self) -> int:
            return 7

        def __enter__(self) -> str:
            return "entered"

        def __exit__(self, *details: object) -> None: ...

    strange = otelkit.watch(Strange(), "strange")
    with strange as entered:
        assert (len(strange), entered, strange.get()) == (7, "entered", "item")
    assert points(recorder, names.METRIC_QUEUE_DEPTH) == {}


def test_what_is_no_queue_is_refused() -> None:
    """With one clear message."""
    with pytest.raises(TypeError, match="expected a queue"):
        otelkit.watch([], "jobs")


def test_watching_twice_is_watching_once() -> None:
    """The second call gives back what it is given."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")

    assert otelkit.watch(jobs, "again") is jobs


def test_without_otelkit_a_watched_queue_is_only_a_queue() -> None:
    """And pickles as one, if it can."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")
    jobs.put(1)

    assert jobs.get() == 1
    with pytest.raises(TypeError):
        pickle.dumps(jobs)


def test_the_coroutine_functions_of_a_queue_stay_coroutine_functions() -> None:
    """Also for whoever asks inspect; a get that is cancelled before it begins leaves no coroutine behind."""
    jobs = otelkit.watch(asyncio.Queue[int](), "jobs")

    async def main() -> None:
        waiting = asyncio.create_task(jobs.get())
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())

    assert inspect.iscoroutinefunction(jobs.get)
    assert inspect.iscoroutinefunction(jobs.put)
    assert not inspect.iscoroutinefunction(jobs.get_nowait)
