"""Which stages the same workers run."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable, Iterator

import pytest

import otelkit
from otelkit import names
from otelkit.model.calls import Stage, StageKind, StageSeries
from otelkit.stages.crews import Crews
from otelkit.testing import Recorder
from tests.forking import in_child


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as recorder:
        yield recorder


@otelkit.stage("parse")
def parse() -> None: ...


@otelkit.stage("extract")
def extract() -> None: ...


@otelkit.stage("outer")
def outer(then: Callable[[], object]) -> None:
    then()


def pairs(recorder: Recorder) -> set[tuple[object, object]]:
    """Return the pairs that the metric tells."""
    points = recorder.points(names.METRIC_STAGE_SHARED)
    return {(point.attributes[names.STAGE_NAME], point.attributes[names.STAGE_OTHER]) for point in points}


def in_thread(do: Callable[[], object]) -> None:
    thread = threading.Thread(target=do)
    thread.start()
    thread.join()


def test_stages_that_one_thread_runs_after_each_other_share_it(recorder: Recorder) -> None:
    """However often, and in whatever order: once."""
    otelkit.watch(queue.Queue(), "files")

    def work() -> None:
        for _ in range(3):
            parse()
            parse()
            extract()

    in_thread(work)

    assert pairs(recorder) == {("parse", "extract")}


def test_stages_of_different_threads_share_nothing(recorder: Recorder) -> None:
    """Nor do those of different tasks of one thread."""
    otelkit.watch(queue.Queue(), "files")
    in_thread(parse)
    in_thread(extract)

    @otelkit.stage("fetch")
    async def fetch() -> None:
        await asyncio.sleep(0)

    @otelkit.stage("send")
    async def send() -> None:
        await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(asyncio.create_task(fetch()), asyncio.create_task(send()))

    asyncio.run(both())

    assert pairs(recorder) == set()


def test_a_stage_inside_another_shares_its_worker(recorder: Recorder) -> None:
    """Not so in a thread that the outer one has begun, though the outer one is current there."""
    otelkit.watch(queue.Queue(), "files")

    def elsewhere() -> None:
        context = contextvars.copy_context()
        in_thread(lambda: context.run(extract))

    in_thread(lambda: outer(parse))
    in_thread(lambda: outer(elsewhere))

    assert pairs(recorder) == {("outer", "parse")}


def test_pairs_are_bounded_and_told_once() -> None:
    """Stages' names may be made from data."""
    crews = Crews()
    for number in range(5000):
        crews.note(("p", "a"), ("p", f"b{number % 2000}"))
        crews.note(("p", f"b{number % 2000}"), ("p", "a"))
    crews.note(("p", "a"), ("p", "a"))

    assert len(list(crews.observations())) == 1000
    assert len(crews._pairs) == 1000


def test_stages_inside_others_are_noted_once_and_bounded() -> None:
    """Asked at every call, so it must be known at a glance; beyond the bound it is only asked anew."""
    crews = Crews()
    outer = StageSeries(Stage("outer", StageKind.BLOCK, "p", attributes={}), "p")
    inner = [StageSeries(Stage(f"b{number}", StageKind.BLOCK, "p", attributes={}), "p") for number in range(2000)]
    before = crews.knows(outer, inner[0])
    for series in inner:
        crews.note_nested(outer, series)

    assert (before, crews.knows(outer, inner[0]), crews.knows(outer, inner[-1])) == (False, True, False)
    assert len(list(crews.observations())) == 1000


def test_a_forked_child_knows_its_own_workers_only() -> None:
    """The parent's are the parent's."""
    crews = Crews()
    crews.note(("p", "a"), ("p", "b"))

    def child() -> object:
        before = len(list(crews.observations()))
        crews.note(("p", "c"), ("p", "d"))
        return [before, len(list(crews.observations()))]

    assert in_child(child) == [0, 1]
    assert len(list(crews.observations())) == 1
