"""What became of the traffic in each sampler's hands, in figures."""

from __future__ import annotations

import math
import statistics
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.samplers.contest import Contestant, Event, Kept, events, play
from benchmarks.samplers.traffic import SECOND, MadeTrace, TraceClass

RARE = 5
"""A stage with at most so many traces is a rare one."""
OFTEN = 50
"""Stages with at least so many are those whose counts are looked at one by one."""
SLICE_S = 5
"""Throughput is looked at in slices of so many seconds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One sampler, over several runs with other trace ids."""

    kept: float
    """Traces, on average."""
    busiest: float
    """The most that was kept in a slice after the first minute, as a multiple of the mean."""
    error_recall: float
    """Share of the failed traces that was kept."""
    slow_recall: float
    rare_coverage: float
    """Share of the rare stages of which at least one trace was kept."""
    collector_bias: float
    """How far the number of all traces, as the Collector counts it by ``th``, is off on average: -0.9 is a tenth of it."""
    best_bias: float
    """The same for somebody who knows whatever else the sampler says."""
    best_bias_error: float
    """The standard error of that."""
    total_spread: float
    """Standard deviation of the number of all traces, relative to it, as best known: from run to run."""
    stage_error: float
    """Root mean square of the relative error of the counts of frequent stages, as best known."""
    error_count_error: float
    """Root mean square of the relative error of the number of failed traces, as best known."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a sampler takes."""

    us_per_span: float
    """CPU time."""
    held_spans: int
    """Ended spans that it held at most, looked at once a second."""
    kib: float
    """Memory at most, held spans included."""


def outcome(traffic: Sequence[MadeTrace], runs: Sequence[Sequence[Kept]]) -> Outcome:
    """Return the figures of several runs of one sampler."""
    stages = Counter(trace.key for trace in traffic)
    rare = {key for key, count in stages.items() if count <= RARE}
    classes = Counter(trace.trace_class for trace in traffic)
    totals = [sum(kept.best_weight for kept in run) / len(traffic) - 1 for run in runs]
    return Outcome(
        kept=statistics.fmean(map(len, runs)),
        busiest=statistics.fmean(_busiest(run) for run in runs),
        error_recall=_recall(runs, TraceClass.ERROR, classes),
        slow_recall=_recall(runs, TraceClass.SLOW, classes),
        rare_coverage=statistics.fmean(len({kept.trace.key for kept in run} & rare) / len(rare) for run in runs),
        collector_bias=statistics.fmean(sum(kept.collector_weight for kept in run) for run in runs) / len(traffic) - 1,
        best_bias=statistics.fmean(totals),
        best_bias_error=statistics.stdev(totals) / math.sqrt(len(totals)),
        total_spread=statistics.stdev(totals),
        stage_error=_stage_error(runs, {key: count for key, count in stages.items() if count >= OFTEN}),
        error_count_error=_rms(
            sum(kept.best_weight for kept in run if kept.trace.error_type is not None) / classes[TraceClass.ERROR] - 1
            for run in runs
        ),
    )


def cost(make: Callable[[int], Contestant], traffic: Sequence[MadeTrace], rounds: int = 3) -> Cost:
    """Measure what a sampler takes over the whole traffic, without what the traffic itself takes."""
    happening = list(events(traffic, children=make(0).by_span))
    spans = sum(trace.spans for trace in traffic)
    taken = []
    for _ in range(rounds):
        idle = Contestant()
        own, other = make(0), idle
        own.writes_down = False
        taken.append(_cpu_s(own, happening) - _cpu_s(other, happening))
    watched = _Watched(make(0))
    watched.writes_down = False
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    play(watched, happening)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Cost(max(0.0, min(taken)) / spans * 1e6, watched.most_held, (peak - before) / 1024)


class _Watched(Contestant):
    """Another contestant, looked at once a second."""

    def __init__(self, other: Contestant) -> None:
        super().__init__()
        other.writes_down = False
        self.clock = other.clock
        self.starts, self.child_ends, self.ends, self.close = (  # type: ignore[method-assign]  # straight through
            other.starts, other.child_ends, other.ends, other.close,
        )  # fmt: skip
        self._other = other
        self.most_held = 0

    def tick(self) -> None:
        self._other.tick()
        self.most_held = max(self.most_held, self._other.held_spans())


def per_slice(run: Sequence[Kept], lasts_s: float) -> list[int]:
    """Return how many traces were kept in each slice of the traffic."""
    counts = Counter(kept.at_ns // (SLICE_S * SECOND) for kept in run)
    return [counts[number] for number in range(int(lasts_s // SLICE_S))]


def stage_counts(traffic: Sequence[MadeTrace], run: Sequence[Kept]) -> list[list[float]]:
    """Return of each frequent stage how many traces it has, and that number as known from the kept ones, relative to it.

    As the Collector counts by ``th``. The most frequent stage comes first.
    """
    truth = Counter(trace.key for trace in traffic)
    counted = dict.fromkeys(truth, 0.0)
    for kept in run:
        counted[kept.trace.key] += kept.collector_weight
    return [[count, counted[key] / count] for key, count in truth.most_common() if count >= OFTEN]


def _busiest(run: Sequence[Kept]) -> float:
    later = per_slice(run, 200.0)[60 // SLICE_S :]
    return max(later) / statistics.fmean(later)


def _recall(runs: Sequence[Sequence[Kept]], kind: TraceClass, classes: Counter[TraceClass]) -> float:
    return statistics.fmean(sum(kept.trace.trace_class is kind for kept in run) / classes[kind] for run in runs)


def _stage_error(runs: Sequence[Sequence[Kept]], stages: dict[tuple[str, str], int]) -> float:
    errors = []
    for run in runs:
        counted = dict.fromkeys(stages, 0.0)
        for kept in run:
            if kept.trace.key in counted:
                counted[kept.trace.key] += kept.best_weight
        errors += [counted[key] / count - 1 for key, count in stages.items()]
    return _rms(errors)


def _rms(values: Iterable[float]) -> float:
    return math.sqrt(statistics.fmean(value * value for value in values))


def _cpu_s(contestant: Contestant, happening: Sequence[Event]) -> float:
    began = time.process_time()
    play(contestant, happening)
    return time.process_time() - began
