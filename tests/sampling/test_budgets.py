"""Budgets of classes, under simulated load."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from otelkit.sampling.budgets import Budget
from tests.sampling.traces import SECOND, arrivals

Kind = Callable[[random.Random], object]


def one_kind(rng: random.Random) -> object:
    return "one"


def expected_per_second(budget: Budget, times: list[int], kind: Kind = one_kind) -> list[float]:
    """Return the sum of the probabilities of each second."""
    rng = random.Random(5)
    kept: Counter[int] = Counter()
    for now_ns in times:
        kept[now_ns // SECOND] += budget.probability(kind(rng), now_ns)  # type: ignore[assignment]  # a Counter of floats
    return [kept[second] for second in range(max(kept) + 1)]


@pytest.mark.requirement("TRC-33")
def test_nothing_is_thinned_below_the_budget() -> None:
    """Errors are kept at their ratio while no more come than the budget allows; one second's worth may come at once."""
    budget = Budget(1.0, 100)
    burst = [budget.probability("one", 0) for _ in range(99)]
    rng = random.Random(1)
    later = [budget.probability("one", now_ns) for now_ns in arrivals(rng, 70, 60, start_s=2)]

    assert {1.0} == set(burst) | set(later)
    assert budget.error is None


@pytest.mark.parametrize("per_s", [300, 2_000, 20_000])
def test_a_flood_settles_at_the_budget_within_three_windows(per_s: float) -> None:
    """After 30 s the sum of the probabilities of any 5 s is within 10 % of the budget, however great the flood."""
    budget = Budget(1.0, 100)
    rng = random.Random(2)
    times = arrivals(rng, 50, 5) + arrivals(rng, per_s, 20 if per_s > 10_000 else 50, start_s=5)
    kept = expected_per_second(budget, times)
    settled = kept[15:]
    means = [sum(settled[start : start + 5]) / 5 for start in range(len(settled) - 5)]

    assert all(90 <= mean <= 110 for mean in means), means
    assert budget.short
    assert abs(budget.error or 0) < 0.1


def test_a_storm_that_nobody_saw_coming_costs_a_few_seconds_once() -> None:
    """A hundredfold step keeps at most 8 s of the budget more than it should, and that is saved again."""
    budget = Budget(1.0, 100)
    rng = random.Random(3)
    kept = expected_per_second(budget, arrivals(rng, 50, 5) + arrivals(rng, 10_000, 20, start_s=5))

    assert max(kept) <= 800
    assert sum(kept[5:]) <= 20 * 100 + 300


def test_there_is_no_swinging() -> None:
    """Under a steady flood no second is far from its neighbours: the sum of the probabilities changes by less than 30 %."""
    kept = expected_per_second(Budget(1.0, 100), arrivals(random.Random(4), 5_000, 40))[12:]

    assert all(abs(second - first) < 30 for first, second in pairwise(kept)), kept


def test_a_storm_of_one_kind_does_not_drown_the_others() -> None:
    """While one kind floods, those that fit into their equal share are kept nearly all."""
    budget = Budget(1.0, 100)
    rng = random.Random(6)
    came: Counter[bool] = Counter()
    kept = {True: 0.0, False: 0.0}
    for now_ns in arrivals(rng, 5_080, 12):
        seldom = rng.random() < 80 / 5_080
        kind = rng.randrange(20) if seldom else "storm"
        probability = budget.probability(kind, now_ns)
        if now_ns > 4 * SECOND:
            came[seldom] += 1
            kept[seldom] += probability

    assert kept[True] >= 0.95 * came[True]
    # 20 kinds of 4/s leave 20/s of 100/s to the storm.
    assert 0.5 * 20 * 8 <= kept[False] <= 1.2 * 20 * 8


def test_what_is_thinned_has_a_whole_reciprocal() -> None:
    """Each probability is the ratio as given, or 1 / k: the Collector weighs spans by whole numbers."""
    budget = Budget(0.7, 50)
    given = {budget.probability("one", now_ns) for now_ns in arrivals(random.Random(7), 1_000, 20)}
    chosen = given - {0.7}

    assert chosen
    assert all(abs(1 / each - round(1 / each)) < 1e-9 for each in chosen)
    assert max(given) == 0.7


def test_what_is_certain_uses_the_budget_up() -> None:
    """Survivors are kept, and the others make room for them."""
    budget = Budget(1.0, 100)
    rng = random.Random(8)
    certain = rest = 0.0
    for now_ns in arrivals(rng, 1_000, 30):
        must = rng.random() < 0.05
        probability = budget.probability("one", now_ns, certain=must)
        assert probability == 1.0 or not must
        if now_ns > 15 * SECOND:
            certain, rest = certain + probability * must, rest + probability * (not must)

    assert 0.9 * 100 * 15 <= certain + rest <= 1.1 * 100 * 15
    assert certain > 500


def test_what_is_certain_leaves_half_of_the_budget_to_the_others() -> None:
    """However many have to be kept, the others get half of the budget at least, so that they can be counted."""
    budget = Budget(1.0, 10)
    rng = random.Random(9)
    others = 0.0
    least = 1.0
    for now_ns in arrivals(rng, 500, 40):
        must = rng.random() < 0.2
        probability = budget.probability("one", now_ns, certain=must)
        if not must and now_ns > 20 * SECOND:
            others += probability
            least = min(least, probability)

    assert 0.9 * 5 * 20 <= others <= 1.1 * 10 * 20
    assert least > 1 / 1000


def test_without_a_limit_the_ratio_stays() -> None:
    """0 means no limit."""
    budget = Budget(0.3, 0)

    assert {0.3} == {budget.probability("one", 0) for _ in range(10_000)}


def test_a_ratio_of_0_keeps_nothing() -> None:
    """Also where there is a budget."""
    budget = Budget(0.0, 10)

    assert {0.0} == {budget.probability("one", number * 1000) for number in range(10_000)}


def test_the_number_of_kinds_is_bounded() -> None:
    """A million kinds share one place; what has stopped makes room for others."""
    budget = Budget(1.0, 100, max_kinds=50)
    for number in range(20_000):
        budget.probability(number, number * 100_000)

    assert len(budget) <= 51

    budget.probability("new", 1_000 * SECOND)

    assert len(budget) < 51


def test_a_clock_that_jumps_breaks_nothing() -> None:
    """Back by an hour, ahead by a day: probabilities stay between 0 and 1, and a flood is thinned soon after."""
    budget = Budget(1.0, 10)
    for start_s in (5_000, 1_400, 90_000, 90_000):
        given = [budget.probability("one", round((start_s + number / 1000) * SECOND)) for number in range(5_000)]

        assert all(0 < each <= 1 for each in given)
        assert sum(given[-1000:]) < 100


@pytest.mark.parametrize("per_s", [20, 500])
def test_a_clock_that_is_set_back_thins_nothing(per_s: int) -> None:
    """An hour back, in the midst of traces: what fits is kept whole, and a flood stays at the budget, from the next one on."""
    budget = Budget(1.0, 100)
    hour_ns = 3600 * SECOND
    step_ns = SECOND // per_s
    for number in range(30 * per_s):
        budget.probability("one", hour_ns + number * step_ns)
    kept = [
        sum(budget.probability("one", (second * per_s + number) * step_ns) for number in range(per_s))
        for second in range(30)
    ]

    assert all(abs(of_second - min(per_s, 100)) < 5 for of_second in kept), kept
