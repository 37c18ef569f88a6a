"""What a stage adds to each kind of code beyond the plain function: per value of a generator, per await, per block."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from itertools import repeat

from benchmarks.contestants import FLUSH_S, forget_the_environment, not_sampled
from benchmarks.contestants_ours import configured
from benchmarks.harness import Figures, alternate
from benchmarks.report import Column, Goal, Report
from benchmarks.sink import running_to_the_end, take_counts

TIMES = 10_000

GENERATOR = "generator, per yielded value"
ASYNC_GENERATOR = "async generator, per yielded value"
COROUTINE = "coroutine, per call"
BLOCK = "with block, per call"
RAISING = "function that raises, per call"

_BARE, _STAGE, _NOT_SAMPLED = "bare", "stage", "stage, not sampled"


def values(count: int) -> Iterator[int]:
    yield from range(count)


async def async_values(count: int) -> AsyncIterator[int]:
    for value in range(count):
        yield value


async def awaited(path: str) -> int:
    return len(path)


def raising(path: str) -> None:
    raise ValueError(path)


def consume(generator: Callable[[int], Iterator[int]]) -> None:
    deque(generator(TIMES), maxlen=0)


def consume_async(generator: Callable[[int], AsyncIterator[int]]) -> None:
    async def main() -> None:
        async for _ in generator(TIMES):
            pass

    asyncio.run(main())


def await_often(function: Callable[[str], object]) -> None:
    async def main() -> None:
        for _ in repeat(None, TIMES):
            await function("a/file.py")  # type: ignore[misc]  # a wrapped coroutine function keeps no such promise

    asyncio.run(main())


def fail_often(function: Callable[[str], object]) -> None:
    for _ in repeat(None, TIMES):
        try:  # noqa: SIM105 - `suppress` costs more than what is measured
            function("a/file.py")
        except ValueError:
            pass


def bare_blocks() -> None:
    for _ in repeat(None, TIMES):
        len("a/file.py")


def measure(quick: bool) -> Report:
    """Measure each kind bare, as a stage that is recorded and sent, and as one that is not sampled, in turns."""
    forget_the_environment()
    url, scratch = running_to_the_end()
    configured(url, scratch)
    import otelkit

    def stage_blocks() -> None:
        for _ in repeat(None, TIMES):
            with otelkit.stage("block", pipeline="benchmark"):
                len("a/file.py")

    def stage(function: Callable[..., object]) -> Callable[..., object]:
        return otelkit.stage(function.__name__, pipeline="benchmark")(function)

    kinds: dict[str, tuple[Callable[[], None], Callable[[], None], int]] = {
        GENERATOR: (partial(consume, values), partial(consume, stage(values)), 1),
        ASYNC_GENERATOR: (partial(consume_async, async_values), partial(consume_async, stage(async_values)), 1),
        COROUTINE: (partial(await_often, awaited), partial(await_often, stage(awaited)), TIMES),
        BLOCK: (bare_blocks, stage_blocks, TIMES),
        RAISING: (partial(fail_often, raising), partial(fail_often, stage(raising)), TIMES),
    }
    contest = alternate(
        {
            f"{kind}: {how}": turn_
            for kind, (bare, staged, spans) in kinds.items()
            for how, turn_ in {
                _BARE: partial(turn, bare, url, 0),
                _STAGE: partial(turn, staged, url, spans),
                _NOT_SAMPLED: partial(unsampled, staged, url),
            }.items()
        },
        rounds=3 if quick else 25,
    )

    def added(kind: str, how: str = _STAGE) -> float:
        return contest.above(f"{kind}: {how}", f"{kind}: {_BARE}", "inline_us")

    return Report(
        "stage_kinds",
        "What a stage adds to a generator, a coroutine, a block",
        (
            Column("µs in line"),
            Column("bare median"),
            Column("stage best"),
            Column("median"),
            Column("added"),
            Column("not sampled median"),
            Column("added"),
        ),
        [
            (
                kind,
                contest.median(f"{kind}: {_BARE}", "inline_us"),
                contest.best(f"{kind}: {_STAGE}", "inline_us"),
                contest.median(f"{kind}: {_STAGE}", "inline_us"),
                added(kind),
                contest.median(f"{kind}: {_NOT_SAMPLED}", "inline_us"),
                added(kind, _NOT_SAMPLED),
            )
            for kind in kinds
        ],
        goals=(
            Goal("added per yielded value of a generator", added(GENERATOR), 0.5, "µs"),
            Goal("added per call of a coroutine", added(COROUTINE), 2.5, "µs"),
        ),
        ratios={
            f"{kind}, {how}, in steps of the yardstick": contest.in_yardsticks(f"{kind}: {how}", "inline_us", 1e6)
            for kind in kinds
            for how in (_STAGE, _NOT_SAMPLED)
        },
        notes=(
            f"Each turn: {TIMES:,} values, awaits or blocks; in line is the CPU time of the thread they run in, without what",
            "others encode and send for it. `added` is the median over the rounds of the difference within a round.",
        ),
        contest=contest,
    )


def turn(run: Callable[[], None], url: str, spans: int) -> Figures:
    """Run it and return its ``inline_us`` per value or call.

    Raises:
        RuntimeError: Other spans than these arrived.
    """
    import otelkit

    gc.collect()
    began = time.thread_time_ns()
    run()
    ended = time.thread_time_ns()
    otelkit.flush(FLUSH_S)
    if (found := take_counts(url)["spans"]) != spans:
        raise RuntimeError(f"{found} spans arrived, {spans} were made")
    return {"inline_us": (ended - began) / TIMES / 1000}


def unsampled(run: Callable[[], None], url: str) -> Figures:
    """Do the same below a parent that was not sampled."""
    with not_sampled():
        return turn(run, url, 0)
