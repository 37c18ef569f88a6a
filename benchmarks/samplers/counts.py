"""Counts computed back from kept traces, how far from the truth they may be by chance, and how far they are.

For traces that are kept independently, each with a probability p that does not depend on its own randomness, the estimate
``sum(1 / p)`` over the kept ones is unbiased, its variance is ``sum((1 - p) / p)`` over all of them, and ``sum((1 - p) / p²)``
over the kept ones is an unbiased estimate of that variance (Horvitz and Thompson, 1952). Two designs besides need no other
formula:

- p may depend on the past, whatever happened there: the errors of the single traces are martingale differences, uncorrelated
  with each other, so that the variances still add up.
- A fixed number k out of n by the largest randomness, with the (k + 1)-st value as threshold: the errors of two traces of a
  window are uncorrelated (Szegedy, STOC 2006), and a trace's own is (1 - q) / q with q its threshold among the others, of which
  p is the value where it is kept. The sum over the kept ones is unbiased for the same reason as above; its mean for m traces is
  m·(n - k) / (k - 1).

The variance is taken at the truth: what the kept traces say of it, times truth / estimate (for one p everywhere that is
Wilson's score interval). Otherwise a cell of which few are kept by chance would also claim to be exact.

"Within 4 standard errors" is exceeded by chance once in 16,000 by the normal law, which needs enough kept traces in a cell.
`cells` pools labels of which fewer than `ENOUGH` would be kept at the traffic's overall share, so that every trace counts in
some cell, and which ones are pooled does not depend on their own luck. With 25 expected, the two tails beyond 4 standard errors
hold 1.1e-4 by Poisson's law.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.samplers.contest import Kept
from benchmarks.samplers.traffic import MadeTrace

ENOUGH: Final = 25
"""Kept traces that a cell needs to be judged by itself."""
STANDARD_ERRORS: Final = 4.0

Label = Callable[[MadeTrace], Hashable]


@dataclass(frozen=True, slots=True)
class Cell:
    """What was counted of one key, one class, or both."""

    label: Hashable
    truth: int
    estimate: float
    """The mean over all runs."""
    standard_error: float
    """Of that mean. 0 where all are kept for certain."""
    kept: int
    """Traces, over all runs."""

    @property
    def off_by(self) -> float:
        """How many standard errors the estimate is away from the truth."""
        distance = abs(self.estimate - self.truth)
        if self.standard_error > 0:
            return distance / self.standard_error
        # Sums of floats: 1e-9 of what is counted.
        return 0.0 if distance <= 1e-9 * max(1, self.truth) else math.inf


def cells(
    traffic: Sequence[MadeTrace], runs: Iterable[Collection[Kept]], label: Label, enough: float = ENOUGH
) -> list[Cell]:
    """Return truth and estimate for each label; the small ones together as one cell, which is labelled None.

    Args:
        traffic: What there was in each run.
        runs: What was kept of it, each time with other trace ids.
        label: What a trace is counted as.
        enough: Labels with fewer expected kept traces over all runs are pooled, unless all of theirs are kept for certain.
    """
    runs = [list(run) for run in runs]
    sums: dict[Hashable, _Sums] = defaultdict(_Sums)
    for trace in traffic:
        sums[label(trace)].truth += 1
    for kept in itertools.chain.from_iterable(runs):
        sums[label(kept.trace)].add(kept)
    share = sum(map(len, runs)) / len(traffic)
    pool, found = _Sums(), []
    for each, there in sorted(sums.items(), key=lambda item: item[1].truth):
        if there.certain(len(runs)):
            found.append(there.cell(each, len(runs)))
        elif there.truth * share < enough or 0 < pool.truth * share < enough:
            pool.join(there)
        else:
            found.append(there.cell(each, len(runs)))
    if pool.truth:
        found.append(pool.cell(None, len(runs)))
    return found


@dataclass(slots=True)
class _Sums:
    """Over all runs, but for the truth, which is the same in each."""

    truth: int = 0
    estimate: float = 0.0
    variance: float = 0.0
    kept: int = 0

    def add(self, kept: Kept) -> None:
        p = kept.probability
        self.estimate += kept.collector_weight
        self.variance += (1 - p) / (p * p)
        self.kept += 1

    def join(self, other: _Sums) -> None:
        self.truth += other.truth
        self.estimate += other.estimate
        self.variance += other.variance
        self.kept += other.kept

    def certain(self, runs: int) -> bool:
        """Say whether every trace was kept, and could not have been lost."""
        return self.kept == self.truth * runs and not self.variance

    def cell(self, label: Hashable, runs: int) -> Cell:
        at_the_truth = self.variance * self.truth * runs / self.estimate if self.estimate else 0.0
        return Cell(label, self.truth, self.estimate / runs, math.sqrt(at_the_truth) / runs, self.kept)


def wrong(found: Iterable[Cell]) -> list[Cell]:
    """Return the cells that are further from the truth than chance allows."""
    return [cell for cell in found if cell.off_by > STANDARD_ERRORS]


LABELS: Final[Mapping[str, Label]] = {
    "all": lambda _: "all",
    "class": lambda trace: trace.trace_class,
    "key": lambda trace: trace.key,
    "key and class": lambda trace: (trace.key, trace.trace_class),
}
"""What the truth is asked of."""
