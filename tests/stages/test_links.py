"""The stage that takes an item from a watched queue links to the span that put it."""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import otelkit
from otelkit.stages import links
from otelkit.testing import Recorder
from otelkit.testing.recorder import span_id_of

Take = Callable[[Any], Any]


@otelkit.stage("produce")
def produce(jobs: Any, item: Any) -> None:
    jobs.put(item)


@otelkit.stage("produce")
async def produce_async(jobs: Any, item: Any) -> None:
    await jobs.put(item)


@otelkit.stage("consume")
def consume(item: Any) -> Any:
    return item


@otelkit.stage("consume")
def take_and_consume(jobs: Any) -> Any:
    return jobs.get(timeout=30)


def linked(span: ReadableSpan) -> list[int]:
    """Return the ids of the spans that a span links to."""
    return [link.context.span_id for link in span.links]


def producers(recorder: Recorder) -> list[int]:
    return [span_id_of(span) for span in recorder.named("produce")]


@pytest.mark.parametrize("make", [queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue])
def test_a_stage_that_takes_an_item_links_to_the_span_that_put_it(make: Any, recorder: Recorder) -> None:
    """Each to its own, in whatever order the queue hands them out."""
    jobs = otelkit.watch(make(), "jobs")
    items = [(2, "b"), (1, "a"), (3, "c")]
    for item in items:
        produce(jobs, item)
    producer_of = dict(zip(items, producers(recorder), strict=True))
    taken = [take_and_consume(jobs) for _ in items]

    assert sorted(taken) == sorted(items)
    assert [linked(span) for span in recorder.named("consume")] == [[producer_of[item]] for item in taken]


@pytest.mark.parametrize("make", [asyncio.Queue, asyncio.LifoQueue, asyncio.PriorityQueue])
def test_a_task_that_takes_an_item_links_the_next_stage_it_opens(make: Any, recorder: Recorder) -> None:
    """The worker loop that most pipelines have: get, then call the stage."""

    async def work(jobs: Any, count: int) -> list[int]:
        taken = []
        for _ in range(count):
            taken.append(consume(await jobs.get()))
            jobs.task_done()
        return taken

    async def main() -> list[int]:
        jobs = otelkit.watch(make(), "jobs")
        for item in (2, 1, 3):
            await produce_async(jobs, item)
        taken = await asyncio.create_task(work(jobs, 3))
        await jobs.join()
        return taken

    taken = asyncio.run(main())
    producer_of = dict(zip((2, 1, 3), producers(recorder), strict=True))

    assert [linked(span) for span in recorder.named("consume")] == [[producer_of[item]] for item in taken]


def test_a_thread_that_takes_an_item_links_the_next_stage_it_opens(recorder: Recorder) -> None:
    """And only that one."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")
    produce(jobs, 1)

    def work() -> None:
        item = jobs.get()
        consume(item)
        consume(item)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert [linked(span) for span in recorder.named("consume")] == [producers(recorder), []]


def test_a_stage_that_takes_several_items_links_to_all_their_producers(recorder: Recorder) -> None:
    """Fan-in: those taken before it opens, and those taken inside."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")
    for item in range(4):
        produce(jobs, item)
    batch = [jobs.get(), jobs.get_nowait()]
    with otelkit.stage("consume"):
        batch += [jobs.get(timeout=1), jobs.get(block=False)]

    assert batch == [0, 1, 2, 3]
    assert linked(recorder.span("consume")) == producers(recorder)


def test_the_stage_that_is_current_while_get_returns_has_the_link(recorder: Recorder) -> None:
    """Not the one inside it that opens next."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")
    produce(jobs, 1)
    with otelkit.stage("outer"):
        consume(jobs.get())

    assert linked(recorder.span("outer")) == producers(recorder)
    assert linked(recorder.span("consume")) == []


def test_an_object_that_is_put_several_times_has_a_producer_each_time(recorder: Recorder) -> None:
    """First in, first out, as the queue itself; also past a producer that is not recorded."""
    jobs = otelkit.watch(queue.Queue[Any](), "jobs")
    jobs.put(None)
    produce(jobs, None)
    produce(jobs, None)
    for _ in range(3):
        take_and_consume(jobs)
    first, second = producers(recorder)

    assert [linked(span) for span in recorder.named("consume")] == [[], [first], [second]]


def test_an_item_that_could_not_be_put_has_no_producer(recorder: Recorder) -> None:
    """queue.Full, a time-out, a cancelled put: the same object put later comes from whoever puts it then."""
    jobs = otelkit.watch(queue.Queue[str](1), "jobs")
    jobs.put("first")

    @otelkit.stage("refused")
    def refused() -> None:
        with pytest.raises(queue.Full):
            jobs.put_nowait("item")
        with pytest.raises(queue.Full):
            jobs.put("item", timeout=0.001)

    async def cancelled() -> None:
        other = otelkit.watch(asyncio.Queue[str](1), "other")
        await other.put("first")
        waiting = asyncio.create_task(produce_async(other, "item"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await other.get() == "first"
        other.put_nowait("item")
        consume(await other.get())

    refused()
    jobs.get()
    jobs.put("item")
    consume(jobs.get())
    asyncio.run(cancelled())

    assert [linked(span) for span in recorder.named("consume")] == [[], []]


def test_what_another_task_or_thread_has_taken_is_not_linked(recorder: Recorder) -> None:
    """A task starts with a copy of its maker's variables; what the maker took stays the maker's."""

    async def main() -> None:
        jobs = otelkit.watch(asyncio.Queue[int](), "jobs")
        await produce_async(jobs, 1)
        await jobs.get()
        with otelkit.stage("before"):
            pass
        await produce_async(jobs, 2)
        await jobs.get()

        async def other() -> None:
            with otelkit.stage("other"):
                pass

        await asyncio.create_task(other())
        thread = threading.Thread(target=contextvars.copy_context().run, args=(consume, 2))
        thread.start()
        thread.join()
        with otelkit.stage("own"):
            pass

    asyncio.run(main())
    first, second = producers(recorder)

    assert linked(recorder.span("before")) == [first]
    assert linked(recorder.span("other")) == linked(recorder.span("consume")) == []
    assert linked(recorder.span("own")) == [second]


def test_who_calls_get_takes_the_item_though_another_task_waits_for_it(recorder: Recorder) -> None:
    """`wait_for` with a time-out, `create_task` and `gather` run the coroutine in a task of their own."""

    async def main() -> None:
        jobs = otelkit.watch(asyncio.Queue[int](), "jobs")
        for item in range(4):
            await produce_async(jobs, item)
        consume(await asyncio.wait_for(jobs.get(), 30))
        consume(await asyncio.create_task(jobs.get()))
        consume(await asyncio.gather(jobs.get(), jobs.get()))

    asyncio.run(main())
    first, second, *others = producers(recorder)

    assert [linked(span) for span in recorder.named("consume")] == [[first], [second], others]


def test_a_stage_that_is_over_is_current_no_more_in_the_threads_it_has_started(recorder: Recorder) -> None:
    """They go on with its context; what they take belongs to the stages that they open."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")
    may_go = threading.Event()

    def work() -> None:
        may_go.wait(30)
        consume(jobs.get())

    with otelkit.stage("start"):
        thread = threading.Thread(target=work)
        thread.start()
    produce(jobs, 1)
    may_go.set()
    thread.join()

    assert linked(recorder.span("consume")) == producers(recorder)
    assert linked(recorder.span("start")) == []


def test_an_item_put_outside_any_stage_comes_from_the_current_span(recorder: Recorder) -> None:
    """Another instrumentation's, or a run's."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")
    with trace.get_tracer("theirs").start_as_current_span("theirs"):
        jobs.put(1)
    jobs.put(2)
    consume(jobs.get())
    consume(jobs.get())
    theirs = span_id_of(recorder.span("theirs"))

    assert [linked(span) for span in recorder.named("consume")] == [[theirs], []]


def test_a_stage_that_takes_its_own_item_has_no_link_to_itself(recorder: Recorder) -> None:
    """A crawler that puts what it finds into the queue that it works on."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")
    with otelkit.stage("crawl"):
        jobs.put(1)
        jobs.get()

    assert linked(recorder.span("crawl")) == []


def test_a_producer_that_is_not_sampled_is_not_linked() -> None:
    """The link would lead nowhere."""
    with Recorder(sampler=ALWAYS_OFF):
        jobs = otelkit.watch(queue.Queue[int](), "jobs")
        produce(jobs, 1)
        assert jobs.get() == 1

        assert list(links.take()) == []


def test_what_was_taken_before_otelkit_was_installed_is_not_linked() -> None:
    """One test's queue says nothing about the spans of the next."""
    with Recorder():
        jobs = otelkit.watch(queue.Queue[int](), "jobs")
        produce(jobs, 1)
        jobs.get()
    with Recorder() as recorder:
        consume(1)

        assert linked(recorder.span("consume")) == []


def test_of_a_flood_of_items_the_newest_are_linked(recorder: Recorder) -> None:
    """A thread that takes items for hours and opens one stage at its end holds 128 links, not hours of them."""
    jobs = otelkit.watch(queue.Queue[int](), "jobs")
    for item in range(300):
        produce(jobs, item)
    for _ in range(300):
        jobs.get()
    consume(None)

    assert linked(recorder.span("consume")) == producers(recorder)[-128:]


def put_from_child(jobs: Any) -> None:
    """Put an item that says which span it comes from."""
    with Recorder() as recorder:
        with trace.get_tracer("child").start_as_current_span("around"), otelkit.stage("produce"):
            jobs.put(trace.get_current_span().get_span_context().span_id)
        assert len(recorder.named("produce")) == 1


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("make", ["Queue", "JoinableQueue", "SimpleQueue"])
def test_the_link_crosses_processes(make: str, method: str, recorder: Recorder) -> None:
    """The item arrives as what it was put as, with the span that put it in the other process."""
    context: Any = multiprocessing.get_context(method)
    jobs = otelkit.watch(getattr(context, make)(), "jobs")
    child = context.Process(target=put_from_child, args=(jobs,))
    child.start()
    with otelkit.stage("consume"):
        item = jobs.get()
    child.join(30)
    if make == "JoinableQueue":
        jobs.task_done()
        jobs.join()
    jobs.close()
    (link,) = recorder.span("consume").links

    assert (child.exitcode, type(item)) == (0, int)
    assert (link.context.span_id, link.context.is_remote) == (item, True)
    assert link.context.trace_flags.sampled


def test_whoever_takes_past_the_watched_object_gets_the_item_as_it_was(recorder: Recorder) -> None:
    """Also from a pipe to another process, and nobody is linked to the wrong producer afterwards."""
    bare: Any = multiprocessing.Queue()
    jobs = otelkit.watch(bare, "jobs")
    produce(jobs, ["an item"])
    assert bare.get(timeout=30) == ["an item"]
    jobs.put("from no span")
    consume(jobs.get(timeout=30))
    bare.close()

    assert linked(recorder.span("consume")) == []
