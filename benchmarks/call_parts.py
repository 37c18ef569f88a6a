"""What a stage call is made of: each thing that it can't do without, alone, and the whole."""

from __future__ import annotations

import functools
import random
import time
import timeit
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from opentelemetry.context import Context

from benchmarks.contestants import Arrived, forget_the_environment, work
from benchmarks.contestants_ours import OURS, ours
from benchmarks.harness import Figures, alternate
from benchmarks.report import Column, Report
from benchmarks.sink import running_to_the_end
from otelkit.spans.light_span import LightSpan

CALLS: Final = 20_000

BARE: Final = "the function itself"

ITEM: Final = "a/file.py"


def parts() -> dict[str, Callable[[], object]]:
    """Return what each call has to do, by what it is; each does that once."""
    current: ContextVar[Context] = ContextVar("current")
    context = Context({"run": 1})
    current.set(context)
    running: set[object] = set()
    ended: deque[object] = deque(maxlen=1000)
    one = object()

    # Any below: as a wrapper of any function has to be.
    @functools.wraps(work)
    def passed_on(*args: Any, **kwargs: Any) -> Any:
        try:
            return work(*args, **kwargs)
        except BaseException:
            raise

    nothing: Any = None  # Any: stands for values of all kinds

    def make() -> None:
        # By hand, as the engine does: a constructor takes longer.
        span = LightSpan.__new__(LightSpan)
        span.trace = span.parent_id = span.series = span.owner = span.enclosing = span.run_id = span.span_id = nothing
        span.item = span.described = span.outcome = span.duration_ns = span.scope = nothing
        span.start_unix_ns = span.start_ns = nothing

    def attach() -> None:
        token = current.set(context)
        current.reset(token)

    def register() -> None:
        running.add(one)
        running.discard(one)

    return {
        "a wrapper around any arguments, with a way out for errors": lambda: passed_on(ITEM),
        "two clock readings for the duration, one for the date": lambda: (
            time.monotonic_ns(), time.monotonic_ns(), time.time_ns(),
        ),
        "ids: 64 random bits, and 128 where a trace starts": lambda: (random.getrandbits(64), random.getrandbits(128)),
        "the span, fourteen values": make,
        "the context of the code inside: what is current, span and call": lambda: Context(
            {**current.get(), "span": one, "call": one}
        ),
        "that context made current, and taken back": attach,
        "known as running, and no longer": register,
        "one entry in the outbox": lambda: ended.append(one),
        "whether the argument is the item": lambda: len(ITEM) <= 120 and ITEM.isascii() and ITEM.isprintable(),
    }  # fmt: skip


def measure(quick: bool) -> Report:
    """Measure the parts and the whole in turns, in line, and add the parts up."""
    forget_the_environment()
    url, scratch = running_to_the_end()
    stage = ours(url, scratch, Arrived(url))[OURS]
    alone = parts()
    nothing = "nothing, called"
    contest = alternate(
        {
            nothing: functools.partial(turn, lambda: None),
            BARE: functools.partial(turn, lambda: work(ITEM)),
            **{name: functools.partial(turn, part) for name, part in alone.items()},
            OURS: functools.partial(turn, lambda: stage.call(ITEM), stage.flush),
        },
        rounds=3 if quick else 25,
    )
    idle, bare = contest.median(nothing, "us"), contest.median(BARE, "us")
    wrapper = next(iter(alone))
    costs = {name: contest.median(name, "us") - (bare if name == wrapper else idle) for name in alone}
    whole = contest.median(OURS, "us") - bare
    return Report(
        "call_parts",
        "What one stage call is made of, in line",
        (Column("part"), Column("µs", "{:.2f}"), Column("of the whole", "{:.0%}")),
        [
            *((name, cost, cost / whole) for name, cost in costs.items()),
            ("all of these", sum(costs.values()), sum(costs.values()) / whole),
            ("the stage call", whole, 1.0),
        ],
        notes=(
            "Each part alone, in a loop that keeps the processor's caches warm. What the call adds to them is finding the",
            "stage's series, the sampler's decision, the checks for those who want to look, and the calls between these.",
            "The sum is a floor: no stage call in Python that does what otelkit promises can cost less.",
        ),
        contest=contest,
    )


def turn(call: Callable[[], object], afterwards: Callable[[], object] = lambda: None) -> Figures:
    """Return the CPU time of this thread per call, in µs; what it leaves for others is done afterwards."""
    us = timeit.timeit(call, timer=time.thread_time, number=CALLS) / CALLS * 1e6
    afterwards()
    return {"us": us}
