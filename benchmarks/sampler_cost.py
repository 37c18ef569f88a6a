"""What a sampler's decision costs where a trace starts: asked for a stage, and asked as the SDK asks."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Mapping
from itertools import repeat
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import SpanKind

from benchmarks.contestants import forget_the_environment
from benchmarks.harness import Figures, alternate
from benchmarks.report import Column, Goal, Report
from otelkit._assembly.judging import with_judge
from otelkit._assembly.plan import plan
from otelkit._assembly.sampler import Wanted, make_sampler
from otelkit.model.calls import Stage, StageKind, StageSeries
from otelkit.model.stage_attributes import first_attributes
from otelkit.spans.chain import Chain
from otelkit.spans.root_decision import RootDecision

DECISIONS: Final = 20_000
KEYS: Final = 100
"""Stages that traces start with, in turn; each its own key."""
_STOCK: Final = "parentbased_traceidratio"

# Name -> OTEL_TRACES_SAMPLER_ARG, and settings.
SAMPLERS: Final[Mapping[str, tuple[str | None, Mapping[str, object]]]] = {
    _STOCK: ("0.1", {}),
    "parentbased_always_on": (None, {}),
    "otelkit_ratio": ("0.1", {}),
    "otelkit_rules": (
        "0.1",
        {"sampling_rules": [f"stage=other{number}.* pipeline=p -> 0.5" for number in range(20)]},
    ),
    "otelkit_adaptive": ("10", {}),
    "otelkit_tail": ("0.1", {}),
}


def made(name: str) -> Sampler:
    """Return a sampler as it is made for whoever asks for it by name, with the override for debugging around it.

    Raises:
        RuntimeError: It is not what was asked for.
    """
    argument, settings = SAMPLERS[name]
    blueprint = plan(env={}, code=dict(settings)).blueprint
    chosen = make_sampler(Wanted(name, "the benchmark", argument), blueprint.samplers, blueprint.settings)
    if chosen.findings:
        raise RuntimeError(f"{name}: {chosen.findings[0].what}")
    # One that decides at the end asks for spans to come by.
    Chain(with_judge((), chosen.sampler), lambda spans: None)
    return chosen.sampler


def measure(quick: bool) -> Report:
    """Measure a decision of each sampler both ways, in turns."""
    forget_the_environment()
    stages = [StageSeries(Stage(f"stage{number}", StageKind.FUNCTION), "demo") for number in range(KEYS)]
    contestants: dict[str, Callable[[], Figures]] = {}
    for name in SAMPLERS:
        contestants[f"{name}: stage"] = functools.partial(turn, by_stage(made(name), stages))
        contestants[f"{name}: SDK"] = functools.partial(turn, by_sdk(made(name), stages))
    contest = alternate(contestants, rounds=3 if quick else 25)
    return Report(
        "sampler_cost",
        "A sampler's decision where a trace starts",
        (Column("µs per decision"), *map(Column, ("for a stage, best", "median", "as the SDK asks, best", "median"))),
        [
            (
                name,
                *(
                    figure(f"{name}: {way}", "us")
                    for way in ("stage", "SDK")
                    for figure in (contest.best, contest.median)
                ),
            )
            for name in SAMPLERS
        ],
        goals=[
            Goal(f"{name}, for a stage", contest.median(f"{name}: stage", "us"), 2.0, "µs")
            for name in SAMPLERS
            if name.startswith("otelkit_")
        ],
        ratios={
            f"{name}, for a stage, beside {_STOCK} as the SDK asks": contest.ratio(
                f"{name}: stage", f"{_STOCK}: SDK", "us"
            )
            for name in SAMPLERS
            if name.startswith("otelkit_")
        },
        notes=(
            f"Each turn: {DECISIONS:,} traces that start with {KEYS} stages in turn; CPU time of the thread. For a stage: with",
            "a new trace id and what the trace's spans share; as the SDK asks: the question with a stage's attributes alone.",
            "Around each sampler is the override for debugging, as by default. What is learnt once per window is in it; what",
            "otelkit_tail decides at a trace's end is not.",
        ),
        contest=contest,
    )


def by_stage(sampler: Sampler, stages: list[StageSeries]) -> Callable[[], None]:
    """Return what starts a trace with each stage in turn, so often."""
    root, context = RootDecision(sampler, RandomIdGenerator()).root, Context()
    quick = RootDecision(sampler, RandomIdGenerator()).quick_root()

    def run() -> None:
        for _ in repeat(None, DECISIONS // len(stages)):
            for series in stages:
                root(series, context)

    def run_quick() -> None:
        if quick is not None:
            for _ in repeat(None, DECISIONS):
                quick()

    return run if quick is None else run_quick


def by_sdk(sampler: Sampler, stages: list[StageSeries]) -> Callable[[], None]:
    """Return what asks about a root span for each stage in turn, so often."""
    ask, context = sampler.should_sample, Context()
    asked = [(series.stage.name, first_attributes(series.stage, series.pipeline)) for series in stages]

    def run() -> None:
        for _ in repeat(None, DECISIONS // len(asked)):
            for name, attributes in asked:
                ask(context, random.getrandbits(128), name, SpanKind.INTERNAL, attributes, ())

    return run


def turn(run: Callable[[], None]) -> Figures:
    """Run it and return ``us`` per decision, CPU time of this thread."""
    began = time.thread_time_ns()
    run()
    return {"us": (time.thread_time_ns() - began) / DECISIONS / 1000}
