"""Counts computed back from the spans that head samplers keep."""

from __future__ import annotations

import math

import pytest

from benchmarks.samplers.counts import LABELS, cells
from benchmarks.samplers.ours import Ratio, Rules
from tests.sampling.truth.replicas import false_counts, kept_in_each, replicas, traffic


@pytest.mark.requirement("TRC-18", "TRC-19")
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 1 / 3, 0.5])
def test_a_ratio_keeps_every_count_true(share: float) -> None:
    """Traces by stage, by class and by both are within 4 standard errors of the truth."""
    runs = kept_in_each(lambda seed: Ratio(share, seed))

    assert false_counts(runs) == {}
    assert all(kept.threshold is not None for run in runs for kept in run)


@pytest.mark.requirement("TRC-19")
def test_rules_keep_every_count_true() -> None:
    """Stages at different rates, one of them no whole 1 / p, and one at 100 %."""
    texts = ["busy: stage=stage-001 -> 1/50", "stage=stage-00* -> 0.3", "pipeline=pipeline-2 -> 1/4"]
    runs = kept_in_each(lambda seed: Rules(texts, 1.0, seed))

    assert false_counts(runs) == {}
    assert {kept.reason for run in runs for kept in run} == {
        *("rule:busy", "rule:stage=stage-00*", "rule:pipeline=pipeline-2", "ratio"),
    }


def test_a_single_run_is_true_by_itself() -> None:
    """Not only the mean of all: each of them is within 4 standard errors, in all, by class and by frequent stage."""
    for number, run in enumerate(kept_in_each(lambda seed: Ratio(0.1, seed))):
        for what, label in LABELS.items():
            assert [cell for cell in cells(traffic(), [run], label) if cell.off_by > 4] == [], (number, what)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_standard_error_is_neither_too_wide_nor_too_narrow(share: float) -> None:
    """Squared distances in standard errors have the mean 1 over disjoint cells and runs.

    With at least 25 expected traces in a cell the variance of a squared distance is at most 2 + 1/25; four standard errors of
    the mean of n of them are 4·sqrt(2.04 / n).
    """
    runs = kept_in_each(lambda seed: Ratio(share, seed))
    squares = [cell.off_by**2 for run in runs for cell in cells(traffic(), [run], LABELS["key"])]
    bound = 4 * math.sqrt(2.04 / len(squares))

    assert len(squares) > 50
    assert 1 - bound < sum(squares) / len(squares) < 1 + bound


def test_everything_kept_is_counted_exactly() -> None:
    """At 100 % there is no chance in it: every cell is exact, with a standard error of 0."""
    (run, *_) = kept_in_each(lambda seed: Ratio(1.0, seed))

    found = cells(traffic(), [run], LABELS["key and class"])

    assert {(cell.estimate, cell.standard_error) for cell in found} == {(cell.truth, 0.0) for cell in found}
    assert len(replicas()[0]) == len(run) == 20_000
