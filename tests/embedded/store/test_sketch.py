"""Histograms of durations."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelkit.embedded.store import sketch


def histogram_of(durations: list[int]) -> dict[int, float]:
    counts: dict[int, float] = {}
    for duration in durations:
        counts[sketch.bucket_of(duration)] = counts.get(sketch.bucket_of(duration), 0.0) + 1
    return counts


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(1, 10**15), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_at_most_5_percent_off(durations: list[int], q: float) -> None:
    """p50 and p95 of the stage table can be trusted to 5 %, whatever the durations are."""
    exact = sorted(durations)[max(0, -int(-q * len(durations) // 1) - 1)]
    found = sketch.quantile_ns(histogram_of(durations), q)

    assert found == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_quantiles_of_typical_durations_are_at_most_5_percent_off(sigma: float) -> None:
    """Also over 10,000 durations spread by a factor of thousands."""
    local = random.Random(7)
    durations = sorted(round(local.lognormvariate(15, sigma)) for _ in range(10_000))
    histogram = histogram_of(durations)

    for q in (0.5, 0.95, 0.99):
        assert sketch.quantile_ns(histogram, q) == pytest.approx(durations[round(q * 10_000) - 1], rel=0.05)


def test_an_empty_histogram_has_no_quantile() -> None:
    """A stage without an ended call shows no duration instead of zero."""
    assert sketch.quantile_ns({}, 0.5) is None


@settings(derandomize=True, deadline=None)
@given(st.dictionaries(st.integers(0, 1_100), st.floats(0, 1e15)))
def test_a_histogram_comes_back_as_it_was_packed(histogram: dict[int, float]) -> None:
    """What is stored is what was counted."""
    assert sketch.unpack(sketch.pack(histogram)) == histogram


def test_any_duration_has_a_bucket() -> None:
    """A clock that went back, and the longest time that can be stored, are counted too."""
    assert sketch.bucket_of(-5) == sketch.bucket_of(0) == 0
    assert sketch.bucket_of((1 << 63) - 1) < 1 << 16
