"""Counts from kept traces, and their standard errors."""

from __future__ import annotations

import math
import random

import pytest

from benchmarks.samplers.contest import Contestant, Kept, run
from benchmarks.samplers.counts import LABELS, Cell, cells, wrong
from benchmarks.samplers.traffic import SCALE, MadeTrace, Mix, made, with_ids

TRAFFIC = made(Mix(traces=1_000, lasts_s=10.0, keys=20, bursts=()), 3)
QUARTER = 3 * (SCALE // 4)


def kept_at(threshold: int, traffic: list[MadeTrace]) -> list[Kept]:
    return [Kept(trace, 0, threshold) for trace in traffic if trace.randomness >= threshold]


def test_the_standard_error_of_a_ratio_is_the_binomials() -> None:
    """For one p everywhere: N·(1 - p) / p, whatever was kept by chance."""
    for seed in range(5):
        (cell,) = cells(TRAFFIC, [kept_at(QUARTER, with_ids(TRAFFIC, seed))], LABELS["all"])

        assert cell.standard_error == pytest.approx(math.sqrt(1_000 * 0.75 / 0.25))
        assert cell.estimate == 4 * cell.kept


def test_the_mean_of_several_runs_is_more_exact() -> None:
    """Nine runs: a third of the standard error."""
    (cell,) = cells(TRAFFIC, [kept_at(QUARTER, with_ids(TRAFFIC, seed)) for seed in range(9)], LABELS["all"])

    assert cell.standard_error == pytest.approx(math.sqrt(1_000 * 0.75 / 0.25) / 3)


def test_small_cells_are_pooled_and_none_is_left_out() -> None:
    """Every trace counts in exactly one cell; what cannot be judged by itself is judged together."""
    found = cells(TRAFFIC, [kept_at(QUARTER, TRAFFIC)], LABELS["key"])
    pooled = [cell for cell in found if cell.label is None]

    assert sum(cell.truth for cell in found) == 1_000
    assert len(pooled) == 1
    assert all(cell.truth * 0.25 > 20 for cell in found)


def test_what_is_kept_for_certain_is_judged_by_itself_however_little_it_is() -> None:
    """A probability of 1 leaves nothing to chance: a single trace too many is an infinite distance."""
    everything = [Kept(trace, 0, 0) for trace in TRAFFIC]
    found = cells(TRAFFIC, [everything], LABELS["key and class"])

    assert {cell.off_by for cell in found} == {0.0}
    assert None not in {cell.label for cell in found}
    assert wrong([Cell("one", 10, 11.0, 0.0, 11)])
    assert not wrong([Cell("one", 10, 14.0, 1.0, 11)])
    assert wrong([Cell("one", 10, 14.1, 1.0, 11)])


class BottomK(Contestant):
    """The k traces with the largest randomness, at the threshold of the next one."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self._k = k
        self._all: list[MadeTrace] = []

    def starts(self, trace: MadeTrace) -> None:
        self._all.append(trace)

    def close(self) -> None:
        ordered = sorted(self._all, key=lambda trace: -trace.randomness)
        for trace in ordered[: self._k]:
            self.keep(trace, ordered[self._k].randomness + 1)


def test_the_formula_holds_for_a_fixed_number_out_of_all() -> None:
    """Bottom-k: estimates are unbiased, and their mean estimated variance is (n - k) / (k - 1) for each trace of a cell.

    2,000 windows of 1,000 traces, k = 50; four standard errors of each mean, from the spread of the windows themselves.
    """
    k, rng = 50, random.Random(5)
    estimates, variances = [], []
    for _ in range(2_000):
        values = sorted((rng.getrandbits(56) for _ in range(1_000)), reverse=True)
        p = (SCALE - values[k]) / SCALE
        # The traces of one stage, 300 of the 1,000: which of the kept ones are its is chance.
        of_the_stage = sum(rng.random() < 0.3 for _ in range(k))
        estimates.append(of_the_stage / p)
        variances.append(of_the_stage * (1 - p) / (p * p))
    mean, variance = _mean(estimates), _mean(variances)

    assert abs(mean[0] - 300) < 4 * mean[1]
    assert abs(variance[0] - 300 * (1_000 - k) / (k - 1)) < 4 * variance[1]


def test_a_contest_of_bottom_k_is_counted_right() -> None:
    """The formula, with traffic."""
    runs = [run(BottomK(100), with_ids(TRAFFIC, seed)).kept for seed in range(10)]

    assert {len(kept) for kept in runs} == {100}
    assert [wrong(cells(TRAFFIC, runs, label)) for label in LABELS.values()] == [[]] * len(LABELS)


def _mean(values: list[float]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(spread / len(values))
