"""Turns, figures and comparisons of the benchmark harness."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from benchmarks.harness import Contest, Figures, Ratio, alternate, ratio_of


def scripted(log: list[str], name: str) -> Callable[[], Figures]:
    def turn() -> Figures:
        log.append(name)
        return {"wall_s": float(len(log))}

    return turn


def contest(**series: list[float]) -> Contest:
    turns = {name: tuple({"wall_s": value} for value in values) for name, values in series.items()}
    return Contest(turns, tuple([1.0] * (len(next(iter(series.values()))) + 1)))


def test_everybody_has_one_turn_a_round_and_nobody_a_fixed_neighbour() -> None:
    """Each round has every contestant once; the order rotates and turns round."""
    log: list[str] = []
    alternate({name: scripted(log, name) for name in "abc"}, rounds=4)
    rounds = ["".join(log[start : start + 3]) for start in range(0, len(log), 3)]

    assert rounds == ["abc", "abc", "acb", "cab", "cba"]


def test_warm_up_rounds_do_not_count() -> None:
    """The first turn of everybody is thrown away."""
    log: list[str] = []
    found = alternate({"a": scripted(log, "a")}, rounds=2, warm_up=3)

    assert (found.series("a", "wall_s"), found.rounds, len(log)) == ([4.0, 5.0], 2, 5)


def test_more_compares_within_rounds() -> None:
    """A machine that gets slower from round to round does not change how two contestants compare."""
    found = contest(base=[1.0, 2.0, 10.0], other=[1.1, 2.2, 11.0])

    assert found.more("other", "base", "wall_s") == pytest.approx(0.1)


def test_best_and_median() -> None:
    """Best is the lowest turn; the median does not mind one that was disturbed."""
    found = contest(a=[3.0, 2.0, 90.0])

    assert (found.best("a", "wall_s"), found.median("a", "wall_s")) == (2.0, 3.0)


def test_noise_is_the_yardsticks_spread() -> None:
    """Noise says how much longer the same work took at the worst time."""
    assert Contest({}, (0.01, 0.015, 0.012)).noise == pytest.approx(0.5)


def test_a_difference_is_taken_within_rounds_too() -> None:
    """What is added is the median of the rounds' differences, not the difference of medians."""
    found = contest(base=[1.0, 5.0, 9.0], other=[2.0, 6.5, 10.0])

    assert found.above("other", "base", "wall_s") == pytest.approx(1.0)


def test_a_ratio_says_how_sure_it_is() -> None:
    """The bounds are order statistics: of 25 rounds the 8th and the 18th, of few rounds the lowest and the highest."""
    assert ratio_of([float(number) for number in range(1, 26)]) == Ratio(13.0, 8.0, 18.0)
    assert ratio_of([3.0, 1.0, 2.0]) == Ratio(2.0, 1.0, 3.0)


def test_the_bounds_of_a_ratio_hold_as_often_as_they_say() -> None:
    """For 25 rounds the true median lies below the lower bound with a probability of at most 2.5 %: 7 of 25 heads or fewer."""
    at_most_7_heads = sum(math.comb(25, heads) for heads in range(8)) / 2**25

    assert at_most_7_heads <= 0.025 < at_most_7_heads + math.comb(25, 8) / 2**25


def test_a_slower_machine_has_the_same_multiple_of_the_yardstick() -> None:
    """A figure without counterpart is compared with the fixed piece of work around its own round."""
    quick = Contest({"a": ({"us": 10.0}, {"us": 12.0})}, (0.01,) * 3, (0.01,) * 3)
    slow = Contest({"a": ({"us": 20.0}, {"us": 24.0})}, (0.09,) * 3, (0.02,) * 3)

    assert quick.in_yardsticks("a", "us", 1e6) == slow.in_yardsticks("a", "us", 1e6)
    assert quick.in_yardsticks("a", "us", 1e6).value == pytest.approx(11e-6 / 0.01 * 200_000)
