"""How far event loops are behind."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys

from otelkit.sampling.load_event_loop import EventLoopLag
from otelkit.testing import FakeClock
from tests.forking import in_child


def test_without_an_event_loop_there_is_no_lag() -> None:
    """And nothing is asked."""
    assert EventLoopLag()() == 0.0


def test_the_lag_is_the_time_until_the_loop_comes_to_what_it_was_given() -> None:
    """Code that holds the loop for 40 ms makes it 0.4; the next reading starts from nothing."""
    clock = FakeClock()
    lag = EventLoopLag(clock)

    async def main() -> list[float]:
        found = [lag()]
        clock.advance(0.04)  # held
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        found.append(lag())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        found.append(lag())
        return found

    assert asyncio.run(main()) == [0.0, 0.4, 0.0]


def test_a_loop_that_does_not_answer_is_behind_since_it_was_asked() -> None:
    """Never more than 1."""
    clock = FakeClock()
    lag = EventLoopLag(clock)

    async def main() -> list[float]:
        found = [lag()]
        for passed in (0.03, 0.02, 10.0):
            clock.advance(passed)
            found.append(lag())
        return found

    assert asyncio.run(main()) == [0.0, 0.3, 0.5, 1.0]


def test_a_loop_that_has_stopped_is_not_behind() -> None:
    """Between two runs nothing waits for it."""
    clock = FakeClock()
    lag = EventLoopLag(clock)
    loop = asyncio.new_event_loop()

    async def look() -> float:
        return lag()

    try:
        first = loop.run_until_complete(look())
        clock.advance(3600)
        between = lag()
        second = loop.run_until_complete(look())
    finally:
        loop.close()

    assert (first, between, second, lag()) == (0.0, 0.0, 0.0, 0.0)


def test_many_loops_one_after_the_other_leave_nothing() -> None:
    """A program that calls `asyncio.run` again and again does not fill the memory."""
    lag = EventLoopLag()

    async def look() -> None:
        lag()

    for _ in range(200):
        asyncio.run(look())
    lag()

    assert len(lag._asked_ns) == 0


def test_a_forked_child_forgets_its_parents_loops() -> None:
    """They do not run there."""
    clock = FakeClock()
    lag = EventLoopLag(clock)

    async def main() -> float:
        lag()
        clock.advance(5)
        found: float = await asyncio.to_thread(contextvars.Context().run, in_child, lag)
        return found

    assert asyncio.run(main()) == 0.0


def test_asyncio_is_not_imported_for_it() -> None:
    """A program without it does not pay for it."""
    code = (
        "import sys; from otelkit.sampling.load_event_loop import EventLoopLag; "
        "before = 'asyncio' in sys.modules; EventLoopLag()(); print(before, 'asyncio' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert said[0] == said[1]
