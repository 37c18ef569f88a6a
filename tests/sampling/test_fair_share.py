"""Max-min fairness."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelkit.sampling.fair_share import fair_share

DEMANDS = st.lists(st.floats(0, 1e6), max_size=30)
SUPPLY = st.floats(1e-3, 1e6)


@pytest.mark.parametrize(
    ("demands", "supply", "share"),
    [
        ([], 10, math.inf),
        ([1, 2, 3], 10, math.inf),
        ([1, 2, 3], 6, math.inf),
        ([1, 2, 3], 5, 2.0),
        ([100, 1, 100], 11, 5.0),
        ([100], 10, 10.0),
        ([0, 0, 5], 1, 1.0),
    ],
)
def test_the_share_is_what_the_textbook_says(demands: list[float], supply: float, share: float) -> None:
    """Who needs less than the share gets it all; infinity where all get what they need."""
    assert fair_share(demands, supply) == share


@given(DEMANDS, SUPPLY)
def test_the_whole_supply_is_given_out_or_everybody_has_enough(demands: list[float], supply: float) -> None:
    """Never more than the supply, and never less while somebody wants more."""
    share = fair_share(demands, supply)

    assert sum(min(demand, share) for demand in demands) == pytest.approx(min(sum(demands), supply))


@given(DEMANDS, SUPPLY, st.integers(1, 5))
def test_newcomers_are_reckoned_with_whatever_they_want(demands: list[float], supply: float, newcomers: int) -> None:
    """Each could have the share without anybody else having more than it."""
    share = fair_share(demands, supply, newcomers)

    assert sum(min(demand, share) for demand in demands) + newcomers * share == pytest.approx(supply)
    assert share <= fair_share(demands, supply)
