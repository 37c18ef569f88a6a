"""Contexts that follow work into threads and pools."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import subprocess
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import Pool, ThreadPool
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach, get_current
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

import otelkit
from otelkit.stages import children, current_run_id, workers
from otelkit.testing import Recorder


@otelkit.stage("work")
def work(x: int = 0) -> int:
    return x + 1


def where_am_i(_: object = None) -> tuple[int, int, str | None, object]:
    """Return the current trace and span, the run, and a baggage entry: what a task knows of who submitted it."""
    span = trace.get_current_span().get_span_context()
    return span.trace_id, span.span_id, current_run_id(), baggage.get_baggage("user")


def fail(x: int) -> None:
    raise ValueError(f"no {x}")


def flushes_at_every_end(_: object = None) -> bool:
    return children.must_seal()


@pytest.fixture
def upstream() -> Iterator[None]:
    """opentelemetry-instrumentation-threading is active."""
    ThreadingInstrumentor().instrument()
    yield
    ThreadingInstrumentor().uninstrument()


class Subclass(threading.Thread):
    """Has a ``run`` of its own."""

    def run(self) -> None:
        work()


def started(thread: threading.Thread) -> None:
    with otelkit.stage("starter"):
        thread.start()
    thread.join()


@pytest.mark.parametrize(
    "make",
    [lambda: threading.Thread(target=work), Subclass, lambda: threading.Timer(0, work)],
    ids=["thread", "subclass", "timer"],
)
@pytest.mark.parametrize("beside_upstream", [False, True])
def test_a_thread_works_for_who_started_it(
    make: Callable[[], threading.Thread], beside_upstream: bool, recorder: Recorder, request: pytest.FixtureRequest
) -> None:
    """Also beside opentelemetry-instrumentation-threading."""
    if beside_upstream:
        request.getfixturevalue("upstream")
    started(make())

    assert recorder.tree() == ["starter", "  work"]


def test_a_thread_that_is_over_holds_nothing(recorder: Recorder) -> None:
    """Neither itself in a cycle nor the context it ran in; and it is whole again."""
    thread = Subclass()
    started(thread)
    was_thread = weakref.ref(thread)

    assert "run" not in vars(thread)
    gc.collect()
    gc.disable()
    try:
        del thread
        assert was_thread() is None
    finally:
        gc.enable()


def test_a_thread_that_cannot_start_is_left_as_it_was(recorder: Recorder) -> None:
    """Started twice, it raises what it always raised."""
    thread = Subclass()
    started(thread)
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()

    assert "run" not in vars(thread)


def test_threads_of_telemetry_work_for_nobody_in_particular(recorder: Recorder) -> None:
    """They would give the logs of everybody the ids of one."""
    seen = []
    with otelkit.stage("starter"):
        thread = threading.Thread(target=lambda: seen.append(where_am_i()), name="otelkit-spans")
        thread.start()
    thread.join()

    assert seen == [(0, 0, None, None)]


@pytest.mark.parametrize("beside_upstream", [False, True])
def test_a_task_of_a_thread_pool_works_for_who_submitted_it(
    beside_upstream: bool, recorder: Recorder, request: pytest.FixtureRequest
) -> None:
    """submit and map; the worker thread is the same for all."""
    if beside_upstream:
        request.getfixturevalue("upstream")
    with ThreadPoolExecutor(1) as pool:
        with otelkit.stage("first"):
            pool.submit(work).result()
        with otelkit.stage("second"):
            assert list(pool.map(work, [1, 2])) == [2, 3]
        pool.submit(work).result()

    assert recorder.tree() == ["first", "  work", "second", "  work", "  work", "work"]


def test_asyncio_carries_contexts_into_tasks_and_threads(recorder: Recorder) -> None:
    """create_task, to_thread, run_in_executor and call_soon: each works for who called it."""

    async def in_task() -> None:
        await asyncio.sleep(0)
        work()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with otelkit.stage("task"):
            task = asyncio.create_task(in_task())
        with otelkit.stage("to_thread"):
            await asyncio.to_thread(work)
        with otelkit.stage("executor"):
            await loop.run_in_executor(None, work)
        with otelkit.stage("call_soon"):
            done = asyncio.Event()
            loop.call_soon(lambda: (work(), done.set()))
        await done.wait()
        await task

    asyncio.run(main())

    assert recorder.tree() == [
        "task", "  work", "to_thread", "  work", "executor", "  work", "call_soon", "  work",
    ]  # fmt: skip


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def method(request: pytest.FixtureRequest) -> Any:
    """A context of multiprocessing."""
    return multiprocessing.get_context(request.param)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_task_of_a_process_pool_works_for_who_submitted_it(method: Any, recorder: Recorder) -> None:
    """Its parent is the submitting stage, its run and baggage are the submitter's; not those of the moment of the fork."""
    token = attach(baggage.set_baggage("user", "ada"))
    try:
        with ProcessPoolExecutor(1, mp_context=method) as pool:
            with otelkit.stage("forking"):
                pool.submit(where_am_i).result()
            with otelkit.run("nightly") as run, otelkit.stage("submitting"):
                inside = where_am_i()
                found = pool.submit(where_am_i).result()
                mapped = list(pool.map(where_am_i, [1, 2], chunksize=2))
            detach(token)
            outside = pool.submit(where_am_i).result()
    finally:
        assert not get_current()

    assert inside[2:] == (run.id, "ada")
    assert [found, *mapped] == [inside] * 3
    assert outside == (0, 0, None, None)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_every_way_into_a_pool_carries_the_context(recorder: Recorder) -> None:
    """multiprocessing's pools of processes and of threads."""

    def all_ways(pool: Pool) -> list[Any]:
        return [
            pool.apply(where_am_i),
            pool.apply_async(where_am_i).get(),
            *pool.map(where_am_i, [1]),
            *pool.map_async(where_am_i, [1]).get(),
            *pool.starmap(where_am_i, [(1,)]),
            *pool.starmap_async(where_am_i, [(1,)]).get(),
            *pool.imap(where_am_i, [1]),
            *pool.imap_unordered(where_am_i, [1]),
        ]

    with otelkit.stage("forking"):
        pools = [multiprocessing.get_context("fork").Pool(1), ThreadPool(1)]
    for pool in pools:
        with pool, otelkit.stage("submitting"):
            assert all_ways(pool) == [where_am_i()] * 8


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_only_workers_that_may_be_killed_flush_after_every_stage(recorder: Recorder) -> None:
    """A pool of the standard executor ends its workers well; ``with Pool()`` ends them by a signal."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        assert executor.submit(flushes_at_every_end).result() is False
    with context.Pool(1) as pool:
        assert pool.apply(flushes_at_every_end) is True
    assert flushes_at_every_end() is False


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("make", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_errors_and_unpicklable_tasks_are_what_they_were(make: type[Executor], recorder: Recorder) -> None:
    """The task's own error comes back; what cannot be sent says so."""
    with make(1) as pool:
        with pytest.raises(ValueError, match="no 3"):
            pool.submit(fail, 3).result()
        if make is ProcessPoolExecutor:
            with pytest.raises(Exception, match="<lambda>"):
                pool.submit(lambda: None).result()
        with pytest.raises(TypeError, match="fn"):
            pool.submit()  # type: ignore[call-arg]  # that is the point


def test_uninstall_puts_the_methods_back() -> None:
    """All of them; installing twice is installing once."""
    places = [
        (threading.Thread, "start"), (ThreadPoolExecutor, "submit"), (ProcessPoolExecutor, "submit"), (Pool, "map"),
        (BaseProcess, "start"), (BaseProcess, "_bootstrap"), (subprocess.Popen, "__init__"),
    ]  # fmt: skip
    before = [vars(cls)[name] for cls, name in places]
    workers.install()
    workers.install()
    during = [vars(cls)[name] for cls, name in places]
    workers.uninstall()

    assert all(one is not other for one, other in zip(before, during, strict=True))
    assert [vars(cls)[name] for cls, name in places] == before
    assert not workers.is_installed()


def test_a_method_that_somebody_else_has_wrapped_stays_and_passes_on() -> None:
    """Uninstalling never tears out what is not ours."""
    original = threading.Thread.start
    workers.install()
    ours = threading.Thread.start

    def theirs(self: threading.Thread) -> None:
        ours(self)

    try:
        threading.Thread.start = theirs  # type: ignore[method-assign]  # as an instrumentation would
        workers.uninstall()
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()

        assert threading.Thread.start is theirs
    finally:
        threading.Thread.start = original  # type: ignore[method-assign]  # back again
