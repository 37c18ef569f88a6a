"""Probabilities with a whole inverse."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otelkit import names
from otelkit.sampling import tracestate
from otelkit.sampling.whole_odds import WholeOdds, mixture


@given(st.floats(1e-9, 1.0))
@example(1.0)
@example(1 / 49)
@example(2 / 3)
def test_a_mixture_comes_to_the_probability(probability: float) -> None:
    """Exactly, on average."""
    one_in, share = mixture(probability)

    assert 0 < share <= 1
    assert share / one_in + (1 - share) / (one_in + 1) == pytest.approx(probability, rel=1e-6)


@pytest.mark.parametrize("one_in", [1, 2, 3, 10, 49, 1000, 10**9])
def test_what_is_whole_already_is_not_mixed(one_in: int) -> None:
    """1 / k is k, all the time."""
    assert mixture(1 / one_in) == (one_in, pytest.approx(1.0, abs=1e-6))


def variance(probability: float) -> float:
    """Return the variance that one trace adds to a count estimated from those that are kept at this probability."""
    return (1 - probability) / probability


@given(st.floats(1e-6, 0.999))
def test_what_mixing_costs_is_as_stated(probability: float) -> None:
    """At most twice the variance; a third more at 2/3, and 1 % below 1/5 (5 % of 1/5 is next to nothing by then)."""
    one_in, share = mixture(probability)
    mixed = share * variance(1 / one_in) + (1 - share) * variance(1 / (one_in + 1))
    most = 2.0 if probability > 2 / 3 else 4 / 3 if probability > 1 / 5 else 1.0103

    assert variance(probability) <= mixed * (1 + 1e-6) <= variance(probability) * most * (1 + 1e-5)


@pytest.mark.parametrize("one_in", [1, 2, 3, 7, 1000])
def test_a_kept_trace_says_exactly_how_many_it_stands_for(one_in: int) -> None:
    """In `th`, whose inverse the Collector rounds, and on the root span."""
    state, said = WholeOdds(one_in, "adaptive").kept
    threshold = tracestate.threshold_of(state)

    assert threshold is not None
    assert tracestate.SCALE / (tracestate.SCALE - threshold) == pytest.approx(one_in, rel=1e-12)
    assert said == {names.SAMPLING_REASON: "adaptive", names.SAMPLING_RATE: 1 / one_in}
