"""An exact number of each window."""

from __future__ import annotations

import math
import random

import pytest

from otelkit.sampling.tracestate import SCALE
from otelkit.sampling.window_budget import WindowBudget

WINDOWS = 400


def test_it_keeps_those_with_the_highest_randomness() -> None:
    """Of equal weights the best R are in; the threshold is just above the first one left out."""
    window = WindowBudget[int](3)
    rng = random.Random(1)
    values = [rng.getrandbits(56) for _ in range(50)]
    out = {window.offer(value, value, 1.0) for value in values}
    kept = window.close()
    best = sorted(values)

    assert set(best[-3:]) == {value for value, _ in kept}
    assert set(best[:-3]) == out - {None}
    # To the precision of a float: 16 of 2⁵⁶.
    assert all(abs(threshold - best[-4]) <= 16 for _, threshold in kept)


def test_while_there_is_room_everybody_is_in_with_certainty() -> None:
    """Fewer than the budget: nothing is left out, and T is 0."""
    window = WindowBudget[str](3)
    for name in "abc":
        assert window.offer(name, 7, 1.0) is None

    assert window.close() == [("a", 0), ("b", 0), ("c", 0)]


def test_each_window_starts_anew() -> None:
    """What one window left out says nothing about the next."""
    window = WindowBudget[str](1)
    window.offer("a", 5, 1.0)
    window.offer("b", 9, 1.0)
    window.close()
    window.offer("c", 1, 1.0)

    assert window.close() == [("c", 0)]


def test_equal_randomness_is_no_error() -> None:
    """Candidates need not be comparable."""
    window = WindowBudget[object](2)
    for _ in range(5):
        window.offer(object(), 3, 1.0)

    assert len(window.close()) == 2


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 10.0), (0.1, 1.0, 100.0)])
def test_the_number_is_exact_and_the_counts_are_true(weights: tuple[float, ...]) -> None:
    """Over 400 windows of 50 of 1,000 the adjusted counts of each weight have the true count within 4 standard errors.

    The variance of an adjusted count is estimated from what was kept: the sum of (1 - p) / p² (Ting, theorem 3).
    """
    rng = random.Random(2)
    totals = dict.fromkeys(weights, 0.0)
    variances = dict.fromkeys(weights, 0.0)
    true = dict.fromkeys(weights, 0)
    for _ in range(WINDOWS):
        window = WindowBudget[float](50)
        for number in range(1000):
            # The heavier, the fewer.
            weight = weights[sum(number % (10 * 4**depth) == 0 for depth in range(len(weights) - 1))]
            true[weight] += 1
            window.offer(weight, rng.getrandbits(56), weight)
        kept = window.close()
        assert len(kept) == 50
        for weight, threshold in kept:
            p = (SCALE - threshold) / SCALE
            totals[weight] += 1 / p
            variances[weight] += (1 - p) / p**2

    for weight in weights:
        assert abs(totals[weight] - true[weight]) <= 4 * math.sqrt(variances[weight]) + 1e-6 * true[weight]


def test_a_window_that_has_to_do_with_less_memory_stays_true() -> None:
    """Halved twice while candidates come, 50 become 12; the adjusted counts have the true count within 4 standard errors.

    When it is halved does not depend on anybody's randomness.
    """
    rng = random.Random(3)
    total = variance = 0.0
    for _ in range(WINDOWS):
        window = WindowBudget[int](50)
        out = 0
        for number in range(1000):
            out += window.offer(number, rng.getrandbits(56), 1.0) is not None
            if number in (100, 700):
                out += len(window.shrink())
        kept = window.close()
        assert len(kept) == 12
        assert out + len(kept) == 1000
        for _, threshold in kept:
            p = (SCALE - threshold) / SCALE
            total += 1 / p
            variance += (1 - p) / p**2

    assert abs(total - 1000 * WINDOWS) <= 4 * math.sqrt(variance)


def test_the_last_two_stay_and_the_next_window_has_its_whole_budget() -> None:
    """To shrink further does nothing."""
    window = WindowBudget[int](8)
    for number in range(8):
        window.offer(number, number, 1.0)
    sizes = [len(window.shrink()) for _ in range(4)]
    window.close()
    for number in range(8):
        window.offer(number, number, 1.0)

    assert sizes == [4, 2, 0, 0]
    assert len(window) == 8
