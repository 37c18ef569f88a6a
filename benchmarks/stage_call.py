"""What one stage call costs, beside what others cost."""

from __future__ import annotations

import gc
import statistics
import time
from functools import partial
from itertools import repeat

from benchmarks.contestants import Arrived, Contestant, forget_the_environment, work
from benchmarks.contestants_ours import OURS, OURS_DESCRIBED, OURS_NOT_SAMPLED, PASSED_THROUGH, ours
from benchmarks.contestants_peers import peers
from benchmarks.contestants_stock import STOCK_NOT_SAMPLED, STOCK_SPAN, stock
from benchmarks.harness import Contest, Figures, alternate
from benchmarks.report import Cell, Column, Goal, Report
from benchmarks.sink import histogram_count, running_to_the_end

CALLS = 10_000

BARE = "bare function"


def measure(quick: bool) -> Report:
    """Measure what a call costs its caller and its process, all contestants sending to one sink.

    Raises:
        RuntimeError: A call's span did not arrive, or otelkit's histogram does not count exactly what ran.
    """
    forget_the_environment()
    rounds = 3 if quick else 15
    url, scratch = running_to_the_end()
    arrived = Arrived(url)
    strangers, absent = peers(url, arrived)
    contestants = {BARE: Contestant(work), **ours(url, scratch, arrived), **stock(url, arrived), **strangers}
    contest = alternate(
        {name: partial(turn, contestant, CALLS) for name, contestant in contestants.items()}, rounds=rounds
    )
    # The warm-up round was counted as well.
    made, counted = 3 * CALLS * (rounds + 1), histogram_count(url, "pipeline.stage.duration")
    if made != counted:
        raise RuntimeError(f"{made} stage calls were made and pipeline.stage.duration counted {counted}")
    idle_ms = {name: idle_flush_ms(contestants[name]) for name in (OURS, STOCK_SPAN)}
    return Report(
        "stage_call",
        "One call of an instrumented function",
        (
            Column("µs per call, instrumented by"),
            Column("in line best"),
            Column("median"),
            Column("wall best"),
            Column("median"),
            Column("all CPU best"),
            Column("median"),
        ),
        [row(name, contest) for name in contestants],
        goals=goals(contest),
        ratios={goal: contest.ratio(*pair) for goal, pair in PAIRS.items()},
        notes=(
            f"Each turn: {CALLS:,} calls in a row, then a flush. In line is the CPU time of the calling thread, wall is what",
            "the caller waits for, background threads on the same GIL included; all CPU is the whole process from the first",
            "call to the end of the flush, encoding and sending over HTTP to a sink in another process included. otelkit's",
            "rows record its stage metrics too (duration, active, items, busy), and each flush sends them; not sampled means",
            "below an unsampled parent. Every span was checked to arrive, and the histogram to count every call. ddtrace does",
            "not encode here (it needs an agent), sentry encodes and does not send.",
            f"A flush without a span takes {idle_ms[OURS]:.1f} ms of CPU (stock SDK: {idle_ms[STOCK_SPAN]:.1f} ms), of which",
            f"each of the {CALLS:,} calls of a turn bears its share under all CPU.",
            *absent,
        ),
        contest=contest,
        extra={"idle_flush_ms": idle_ms},
    )


def turn(contestant: Contestant, calls: int) -> Figures:
    """Make the calls and return µs per call.

    ``inline_us`` is the CPU time of the calling thread, ``wall_us`` the time it took, ``cpu_us`` the CPU time of the process
    with everything that is done in the background.

    Raises:
        RuntimeError: Not every call became a span: whoever drops its work is fast for the wrong reason.
    """
    call = contestant.call
    contestant.flush()
    before = contestant.exported()
    gc.collect()
    cpu_began = time.process_time_ns()
    with contestant.around():
        inline_began, began = time.thread_time_ns(), time.perf_counter_ns()
        for _ in repeat(None, calls):
            call("a/file.py")
        ended, inline_ended = time.perf_counter_ns(), time.thread_time_ns()
    contestant.flush()
    cpu_ended = time.process_time_ns()
    if (spans := contestant.exported() - before) != contestant.makes_spans * calls:
        raise RuntimeError(f"{calls} calls made {spans} spans")
    return {
        "inline_us": (inline_ended - inline_began) / calls / 1000,
        "wall_us": (ended - began) / calls / 1000,
        "cpu_us": (cpu_ended - cpu_began) / calls / 1000,
    }


def idle_flush_ms(contestant: Contestant) -> float:
    """Return the milliseconds of CPU that a flush takes when no call was made since the last one: metrics are sent anew."""
    contestant.flush()
    taken = []
    for _ in range(20):
        began = time.process_time_ns()
        contestant.flush()
        taken.append((time.process_time_ns() - began) / 1e6)
    return statistics.median(taken)


def row(name: str, contest: Contest) -> list[Cell]:
    figures = [
        (contest.best(name, figure), contest.median(name, figure)) for figure in ("inline_us", "wall_us", "cpu_us")
    ]
    return [name, *(figure for both in figures for figure in both)]


PAIRS = {
    "recorded, in line, beside the stock SDK's span": (OURS, STOCK_SPAN, "inline_us"),
    "recorded, all CPU, beside the stock SDK's span": (OURS, STOCK_SPAN, "cpu_us"),
    "not sampled, in line, beside the stock SDK's span and histogram": (
        OURS_NOT_SAMPLED,
        STOCK_NOT_SAMPLED,
        "inline_us",
    ),
    "not sampled, all CPU, beside the stock SDK's span and histogram": (OURS_NOT_SAMPLED, STOCK_NOT_SAMPLED, "cpu_us"),
    "with an item and two arguments, all CPU, beside the stock SDK's span": (OURS_DESCRIBED, STOCK_SPAN, "cpu_us"),
    "not configured, in line, beside the stock SDK's span": (PASSED_THROUGH, STOCK_SPAN, "inline_us"),
}
"""What is compared with what: contestant, baseline, figure. A recorded stage is beside the span alone, though it records its
metrics as well."""

_LIMITS = (1 / 10, 1 / 12, 1 / 15, 1 / 15)


def goals(contest: Contest) -> list[Goal]:
    """Return how near the first comparisons are to their goals, and whether stages that do nothing cost nothing."""
    return [
        *(
            Goal(what, contest.ratio(*pair).value, limit, "times")
            for (what, pair), limit in zip(PAIRS.items(), _LIMITS, strict=False)
        ),
        Goal("not configured, above a bare call", contest.above(PASSED_THROUGH, BARE, "inline_us"), 1.0, "µs"),
    ]
