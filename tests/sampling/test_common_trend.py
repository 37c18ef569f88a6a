"""What many keys have in common."""

from __future__ import annotations

import pytest

from otelkit.sampling.common_trend import CommonTrend


def ended(trend: CommonTrend, *keys: tuple[float, int, float]) -> float:
    for probability, arrivals, expected in keys:
        trend.add(probability, arrivals, expected)
    return trend.end_window()


def test_what_is_chance_in_each_of_a_hundred_keys_is_none_in_all() -> None:
    """12 instead of 10 is 0.6 standard errors; of a hundred keys together it is 6."""
    assert ended(CommonTrend(), (0.5, 12, 10.0)) == 1.0
    assert ended(CommonTrend(), *[(0.5, 12, 10.0)] * 100) == pytest.approx(1.2)
    assert ended(CommonTrend(), *[(0.5, 8, 10.0)] * 100) == pytest.approx(0.8)


def test_keys_count_by_what_is_kept_of_them() -> None:
    """A giant that is hardly kept does not decide for all."""
    assert ended(CommonTrend(), (0.001, 12_000, 10_000.0), *[(1.0, 10, 10.0)] * 100) == 1.0


def test_a_trend_that_goes_on_is_expected_to_go_on() -> None:
    """From its second window on, up to 1.25, and no longer than it lasts."""
    trend = CommonTrend()
    ahead = []
    for arrivals in (12, 12, 20, 10, 8, 12):
        ended(trend, *[(1.0, arrivals, 10.0)] * 100)
        ahead.append(trend.ahead)

    assert ahead == [1.0, pytest.approx(1.2), 1.25, 1.0, 1.0, 1.0]


def test_nothing_at_all_is_no_trend() -> None:
    """A window without any key that was expected."""
    trend = CommonTrend()

    assert (ended(trend), trend.ahead) == (1.0, 1.0)
