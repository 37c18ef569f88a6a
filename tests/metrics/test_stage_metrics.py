"""The metrics of real stages: every call, whatever is sampled and however it runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, TraceIdRatioBased

import otelkit
from otelkit import names
from otelkit.testing import Recorder

SECOND_NS = 1_000_000_000


class HandClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.at_ns = 5 * SECOND_NS

    def now_ns(self) -> int:
        return self.at_ns

    def monotonic_ns(self) -> int:
        return self.at_ns

    def pass_s(self, seconds: float) -> None:
        self.at_ns += int(seconds * SECOND_NS)


def of_stage(recorder: Recorder, metric: str, stage: str) -> list[float]:
    return [point.value for point in recorder.points(metric) if point.attributes[names.STAGE_NAME] == stage]


@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF, TraceIdRatioBased(0.1)], ids=["all", "none", "a tenth"])
@pytest.mark.requirement("MET-33")
def test_every_call_is_counted_whatever_is_sampled(sampler: Sampler) -> None:
    """Durations, items and errors of four threads are exact."""

    @otelkit.stage("parse", pipeline="p")
    def parse(number: int) -> None:
        if number % 10 == 0:
            raise ValueError(number)

    def work() -> None:
        for number in range(300):
            try:
                parse(number)
            except ValueError:
                continue

    with Recorder(sampler=sampler) as recorder:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        durations = {
            point.attributes.get(names.ERROR_TYPE): point.count
            for point in recorder.points(names.METRIC_STAGE_DURATION)
        }
        items = {
            point.attributes[names.ITEM_OUTCOME]: point.value for point in recorder.points(names.METRIC_STAGE_ITEMS)
        }

    assert durations == {None: 1080, "ValueError": 120}
    assert items == {"ok": 1080, "failed": 120}


def test_a_recursive_stage_is_busy_as_one_worker() -> None:
    """A second of work three levels deep is one second, seen from inside and afterwards."""
    clock = HandClock()
    inside: list[float] = []

    with Recorder(clock=clock) as recorder:

        @otelkit.stage("walk", pipeline="p")
        def walk(depth: int) -> None:
            if depth:
                walk(depth - 1)
            else:
                clock.pass_s(1)
                inside.extend(of_stage(recorder, names.METRIC_STAGE_BUSY, "walk"))

        walk(3)
        active = of_stage(recorder, names.METRIC_STAGE_ACTIVE, "walk")
        clock.pass_s(1)
        after = of_stage(recorder, names.METRIC_STAGE_BUSY, "walk")

    assert (inside, active, after) == ([1.0], [0], [0.0])


def test_coroutines_of_one_stage_inside_each_other_are_busy_once() -> None:
    """A coroutine that gathers others of its own stage and sleeps meanwhile is one worker."""
    clock = HandClock()

    with Recorder(clock=clock) as recorder:

        @otelkit.stage("fetch", pipeline="p")
        async def fetch(depth: int) -> None:
            if depth:
                await asyncio.gather(fetch(depth - 1), fetch(depth - 1))
            else:
                await asyncio.sleep(0)
                clock.pass_s(1)

        asyncio.run(fetch(2))
        clock.pass_s(4)
        busy = of_stage(recorder, names.METRIC_STAGE_BUSY, "fetch")

    assert busy == [0.5]


def test_a_generator_that_runs_is_active_until_it_is_closed() -> None:
    """It counts as running between two values too; what it gave counts when it ends."""
    clock = HandClock()

    @otelkit.stage("read", pipeline="p")
    def read() -> Iterator[int]:
        yield from range(10)

    with Recorder(clock=clock) as recorder:
        values = read()
        before = of_stage(recorder, names.METRIC_STAGE_ACTIVE, "read")
        taken = [next(values), next(values)]
        during = of_stage(recorder, names.METRIC_STAGE_ACTIVE, "read")
        values.close()  # type: ignore[attr-defined]  # a generator's
        after = of_stage(recorder, names.METRIC_STAGE_ACTIVE, "read")
        items = of_stage(recorder, names.METRIC_STAGE_ITEMS, "read")

    assert (taken, before, during, after, items) == ([0, 1], [], [1], [0], [2])
