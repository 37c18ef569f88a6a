"""The estimate of a rate."""

from __future__ import annotations

import random
import statistics

import pytest

from otelkit.sampling.arrival_rate import ArrivalRate

WINDOW_S = 10.0


def learn(rate: ArrivalRate, arrivals: int, interval_s: float = WINDOW_S) -> bool:
    """Observe an interval; return whether it was a usual one."""
    usual = rate.is_usual(arrivals, interval_s, WINDOW_S)
    (rate.drift if usual else rate.change)(arrivals, interval_s, WINDOW_S)
    return usual


def poisson(mean: float, rng: random.Random) -> int:
    """Count the arrivals of a Poisson process in one unit of time."""
    count, at = 0, rng.expovariate(mean)
    while at < 1:
        count += 1
        at += rng.expovariate(mean)
    return count


def learnt(*arrivals: int) -> ArrivalRate:
    rate = ArrivalRate(1 / WINDOW_S)
    for each in arrivals:
        learn(rate, each)
    return rate


def test_a_guess_is_replaced_by_what_is_seen() -> None:
    """The first window says more than the guess that one trace comes in it."""
    assert learnt(200).per_s == 20.0


def test_a_rise_is_followed_at_once() -> None:
    """Ten times as many in one window: the estimate is the window's."""
    assert learnt(100, 100, 100, 1000).per_s == 100.0


def test_a_fall_to_a_tenth_is_followed_in_two_windows() -> None:
    """Not at once: the next burst is to find the estimate awake."""
    rate = learnt(1000, 1000, 1000)
    learn(rate, 100)
    after_one = rate.per_s
    learn(rate, 100)

    assert after_one == pytest.approx(100 / 3.5)
    assert rate.per_s == 10.0


def test_long_after_the_last_arrival_nothing_is_left() -> None:
    """A window that lasts as long as thirty counts as thirty."""
    rate = learnt(1000)
    learn(rate, 1, 30 * WINDOW_S)

    assert rate.per_s == pytest.approx(1 / 300)


def test_chance_moves_it_little() -> None:
    """Within 3 standard errors the estimate is a mean over windows.

    It forgets with a quarter, so that its variance is 1/7 of one window's: sd = √(100 / 7) = 3.8 of 100.
    """
    rng = random.Random(3)
    rate = ArrivalRate(0.1)
    estimates = []
    for number in range(2000):
        learn(rate, poisson(100, rng))
        if number > 20:
            estimates.append(rate.per_s * WINDOW_S)

    # The estimates hang together over about 7 windows: the mean of 2,000 is worth about 280 of them.
    assert statistics.mean(estimates) == pytest.approx(100, abs=4 * 3.8 / 280**0.5)
    # One window in 370 is beyond 3 standard errors by chance, and then counts alone for a while.
    assert 3.0 < statistics.stdev(estimates) < 5.0


@pytest.mark.parametrize("mean", [1.0, 3.0, 30.0])
def test_dividing_by_the_wary_rate_is_right_on_average(mean: float) -> None:
    """The throughput is share · rate / estimate: by the plain estimate it would be 16 % too high at one arrival per window."""
    rng = random.Random(5)
    rate = ArrivalRate(0.1)
    ratios = []
    for number in range(4000):
        learn(rate, poisson(mean, rng))
        if number > 20:
            ratios.append(mean / WINDOW_S / rate.wary_per_s)

    # Standard deviation of a ratio: 1 / √(7·mean) at most, and 4,000 windows are worth some 570 of them: 4 standard errors are
    # 0.063 at mean 1. Beside chance: few arrivals are no Poisson mean over equal windows, which leaves up to 6 %.
    assert statistics.mean(ratios) == pytest.approx(1.0, abs=0.06 + 0.063 / mean**0.5)
    assert all(ratio < 2 * 7 for ratio in ratios)


def test_a_common_trend_moves_the_estimate_before_it_learns() -> None:
    """What all keys show is believed of each."""
    rate = learnt(100, 100, 100, 100)
    rate.drift(120, WINDOW_S, WINDOW_S, trend=1.2)

    assert rate.per_s == pytest.approx(12.0)
