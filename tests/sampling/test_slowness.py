"""What is slow, learnt from the past."""

from __future__ import annotations

import random

import pytest

from otelkit.sampling.slowness import Slowness

PARSE = ("nightly", "parse")


@pytest.mark.requirement("TRC-33", "TRC-34")
def test_a_trace_is_slow_by_the_earlier_ones_of_its_own_key() -> None:
    """10 ms is slow for a stage that takes 1 ms, and quick for one that takes 100 ms."""
    slowness = Slowness(0.99)
    for number in range(200):
        slowness.learn(PARSE, 1_000_000 + number)
        slowness.learn(("nightly", "store"), 100_000_000 + number)

    assert slowness.is_slow(PARSE, 10_000_000)
    assert not slowness.is_slow(("nightly", "store"), 10_000_000)


def test_about_one_in_a_hundred_is_slow_for_the_quantile_of_99_percent() -> None:
    """Of 20,000 equally distributed durations 200 are expected; the bucket's width and chance leave 60 to 260.

    A bucket of a log-normal tail (sigma 0.5) is 4 % wide, which takes up to 18 % of what is beyond the quantile; four standard
    errors of 200 are 56, and the quantile itself is learnt from 100 to 20,000 durations.
    """
    rng = random.Random(3)
    slowness = Slowness(0.99)
    slow = 0
    for _ in range(20_000):
        duration = round(rng.lognormvariate(16, 0.5))
        slow += slowness.is_slow(PARSE, duration)
        slowness.learn(PARSE, duration)

    assert 60 <= slow <= 260


def test_none_is_slow_before_enough_were_seen() -> None:
    """For the quantile of 99 % that is a hundred."""
    slowness = Slowness(0.99)
    for _ in range(99):
        slowness.learn(PARSE, 1_000)

    assert not slowness.is_slow(PARSE, 10**12)

    slowness.learn(PARSE, 1_000)

    assert slowness.is_slow(PARSE, 10**12)


def test_equal_durations_are_not_slow() -> None:
    """Where all take the same, none takes longer."""
    slowness = Slowness(0.9)
    for _ in range(1000):
        assert not slowness.is_slow(PARSE, 7_777_777)
        slowness.learn(PARSE, 7_777_777)


@pytest.mark.requirement("TRC-34")
def test_a_constant_takes_the_place_of_what_is_learnt() -> None:
    """With 0.5 s, what takes longer is slow from the first trace on, and nothing is remembered."""
    slowness = Slowness(0.99, threshold_ns=500_000_000)

    assert slowness.is_slow(PARSE, 500_000_001)
    assert not slowness.is_slow(PARSE, 500_000_000)

    slowness.learn(PARSE, 10)

    assert len(slowness) == 0


def test_the_number_of_keys_is_bounded() -> None:
    """The key that was not seen for longest is forgotten."""
    slowness = Slowness(0.9, max_keys=3)
    for _ in range(10):
        slowness.learn(PARSE, 1_000)
    for number in range(100):
        slowness.learn(("nightly", str(number)), 1_000)
        slowness.learn(PARSE, 1_000)

    assert len(slowness) == 3
    assert slowness.is_slow(PARSE, 10**9)


def test_it_follows_a_change_of_pace() -> None:
    """A stage that became ten times slower is not slow for ever."""
    slowness = Slowness(0.99)
    for _ in range(20_000):
        slowness.learn(PARSE, 1_000_000)
    for _ in range(20_000):
        slowness.learn(PARSE, 10_000_000)

    assert not slowness.is_slow(PARSE, 10_000_000)
