"""Counts computed back from kept traces, how far from the truth they may be by chance, and how far they are.

For traces that are kept independently, each with a probability p that does not depend on its own randomness, the estimate
``sum(1 / p)`` over the kept ones is unbiased, and its variance is ``sum((1 - p) / p)`` over all of them (Horvitz and Thompson,
1952). It needs no other formula where p depends on the past, whatever happened there: the errors of the single traces are
martingale differences, uncorrelated with each other, so that their variances still add up.

For a fixed number k out of n by the largest randomness, with the (k + 1)-st value as threshold, the errors of two traces of a
window are uncorrelated too (Szegedy, STOC 2006). A trace's own is (1 - q) / q with q its threshold among the others, of which
p is the value where it is kept; so ``sum((1 - p) / p²)`` over the kept ones is an unbiased estimate of the variance. Its mean
for m traces is m·(n - k) / (k - 1). It is taken where the probabilities of what is not kept are not known. It is scaled to the
truth (times truth / estimate, as in Wilson's score interval): otherwise a cell of which few are kept by chance would claim to
be exact.

"Within 4 standard errors" is exceeded by chance once in 16,000 by the normal law, which needs enough kept traces in a cell.
`cells` pools labels of which fewer than `ENOUGH` are expected to be kept, so that every trace counts in some cell, and which
ones are pooled does not depend on their own luck. With 25 expected, the two tails beyond 4 standard errors hold 1.1e-4 by
Poisson's law.
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
    traffic: Sequence[MadeTrace],
    runs: Iterable[Collection[Kept]],
    label: Label,
    probabilities: Sequence[float] | None = None,
    enough: float = ENOUGH,
) -> list[Cell]:
    """Return truth and estimate for each label; the small ones together as one cell, which is labelled None.

    Args:
        traffic: What there was in each run.
        runs: What was kept of it, each time with other trace ids.
        label: What a trace is counted as.
        probabilities: Of each trace by its number, kept or not, the same in all runs; None: only those of kept ones are known.
        enough: Labels with fewer expected kept traces over all runs are pooled, unless all of theirs are kept for certain.
    """
    runs = [list(run) for run in runs]
    # Unless it is known: as if all had the same probability, which is what is kept of all.
    share = sum(map(len, runs)) / len(traffic) / len(runs)
    sums: dict[Hashable, _Sums] = defaultdict(_Sums)
    for trace in traffic:
        sums[label(trace)].expect(share if probabilities is None else probabilities[trace.number], len(runs))
    for kept in itertools.chain.from_iterable(runs):
        sums[label(kept.trace)].add(kept)
    pool, found = _Sums(), []
    for each, there in sorted(sums.items(), key=lambda item: item[1].expected):
        if there.certain(len(runs)):
            found.append(there.cell(each, len(runs), exact=True))
        elif there.expected < enough or 0 < pool.expected < enough:
            pool.join(there)
        else:
            found.append(there.cell(each, len(runs), exact=probabilities is not None))
    if pool.truth:
        found.append(pool.cell(None, len(runs), exact=probabilities is not None))
    return found


@dataclass(slots=True)
class _Sums:
    """Over all runs, but for the truth, which is the same in each."""

    truth: int = 0
    expected: float = 0.0
    variance: float = 0.0
    """By the probabilities of all traces."""
    estimate: float = 0.0
    estimated_variance: float = 0.0
    """By those of the kept ones."""
    kept: int = 0

    def expect(self, p: float, runs: int) -> None:
        self.truth += 1
        self.expected += p * runs
        self.variance += (1 - p) / p * runs if p else math.inf

    def add(self, kept: Kept) -> None:
        p = kept.probability
        self.estimate += kept.collector_weight
        self.estimated_variance += (1 - p) / (p * p)
        self.kept += 1

    def join(self, other: _Sums) -> None:
        self.truth += other.truth
        self.expected += other.expected
        self.variance += other.variance
        self.estimate += other.estimate
        self.estimated_variance += other.estimated_variance
        self.kept += other.kept

    def certain(self, runs: int) -> bool:
        """Say whether every trace was kept, and none of them could have been lost."""
        return self.kept == self.truth * runs and not self.estimated_variance

    def cell(self, label: Hashable, runs: int, *, exact: bool) -> Cell:
        variance = self.variance if exact else self.estimated_variance * self.truth * runs / max(self.estimate, 1e-12)
        if self.certain(runs):
            variance = 0.0
        return Cell(label, self.truth, self.estimate / runs, math.sqrt(variance) / runs, self.kept)


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
