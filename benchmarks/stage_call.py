"""What one stage call costs, beside what others cost."""

from __future__ import annotations

import gc
import time
from functools import partial
from itertools import repeat

from benchmarks.contestants import Contestant, all_contestants
from benchmarks.harness import Contest, Figures, alternate
from benchmarks.report import Cell, Column, Goal, Report

# Below the stock batch processor's queue of 2048, so that nobody is fast by losing spans.
CALLS = 2_000

BARE = "bare function"
OURS = "otelkit stage"
STOCK = "stock SDK span + histogram"


def measure(quick: bool) -> Report:
    """Measure a call's wall and CPU time, and how many spans of a burst get through."""
    contestants, absent = all_contestants()
    contest = alternate(
        {name: partial(turn, contestant, CALLS) for name, contestant in contestants.items()},
        rounds=5 if quick else 25,
    )
    return Report(
        "stage_call",
        "One call of an instrumented function",
        (
            Column("instrumented by"),
            Column("best wall µs"),
            Column("median wall µs"),
            Column("best CPU µs"),
            Column("median CPU µs"),
        ),
        [row(name, contest) for name in contestants],
        goals=goals(contest),
        notes=(
            f"Each turn: {CALLS:,} calls in a row, then a flush. Wall is what the caller waits for; CPU is the whole process,",
            "background threads and the flush included. Exporters count and discard, nothing is encoded. otelkit's rows",
            "record its stage metrics too (duration, active, items, busy); not sampled means below an unsampled parent.",
            *absent,
        ),
        contest=contest,
    )


def turn(contestant: Contestant, calls: int) -> Figures:
    """Make the calls and return µs per call: ``wall_us`` without and ``cpu_us`` with what is done in the background.

    Raises:
        RuntimeError: Not every call became a span: whoever drops its work is fast for the wrong reason.
    """
    call = contestant.call
    contestant.flush()
    before = contestant.exported()
    gc.collect()
    with contestant.around():
        cpu_began, began = time.process_time_ns(), time.perf_counter_ns()
        for _ in repeat(None, calls):
            call("a/file.py")
        ended = time.perf_counter_ns()
        contestant.flush()
        cpu_ended = time.process_time_ns()
    if (spans := contestant.exported() - before) != contestant.makes_spans * calls:
        raise RuntimeError(f"{calls} calls made {spans} spans")
    return {"wall_us": (ended - began) / calls / 1000, "cpu_us": (cpu_ended - cpu_began) / calls / 1000}


def row(name: str, contest: Contest) -> list[Cell]:
    return [
        name,
        contest.best(name, "wall_us"),
        contest.median(name, "wall_us"),
        contest.best(name, "cpu_us"),
        contest.median(name, "cpu_us"),
    ]


def goals(contest: Contest) -> list[Goal]:
    """Return where the project stands: no dearer than doing the same by hand with the stock SDK."""
    if OURS not in contest.turns:
        return []
    return [
        Goal("a sampled stage call beside the stock SDK's, CPU", 1 + contest.more(OURS, STOCK, "cpu_us"), 1.0, "times"),
        Goal("a stage call that is not configured, above a bare one", passed_through(contest), 1.0, "µs"),
    ]


def passed_through(contest: Contest) -> float:
    return contest.best("otelkit stage, not configured", "wall_us") - contest.best(BARE, "wall_us")
