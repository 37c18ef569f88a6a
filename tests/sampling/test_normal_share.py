"""The share of normal traces under load."""

from __future__ import annotations

import pytest

from otelkit.sampling.load import Load
from otelkit.sampling.normal_share import NormalShare
from otelkit.testing import FakeClock


@pytest.mark.requirement("TRC-35")
def test_above_the_limit_half_is_kept_until_the_load_is_well_below() -> None:
    """0.9 is too much; 0.75 is not little enough to be forgotten, 0.6 is."""
    clock, load = FakeClock(), [0.5]
    share = NormalShare(Load(0.8, {"cpu": lambda: load[0]}), clock)
    seen = []
    for value in (0.5, 0.9, 0.75, 0.6):
        load[0] = value
        clock.advance(1.0)
        seen.append(share())

    assert seen == [1.0, 0.5, 0.5, 1.0]


def test_the_load_is_measured_once_a_second() -> None:
    """However many traces there are."""
    clock, readings = FakeClock(), []
    share = NormalShare(Load(0.8, {"cpu": lambda: readings.append(1) or 0.0}), clock)  # type: ignore[func-returns-value]  # counts
    for _ in range(1000):
        clock.advance(0.01)
        share()

    assert 9 <= len(readings) <= 10
