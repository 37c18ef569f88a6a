"""The load that halves the normal share."""

from __future__ import annotations

import pytest

from otelkit import _guard
from otelkit.sampling.load import Load

pytestmark = pytest.mark.requirement("TRC-35")


def factors(limit: float, *loads: float) -> list[float]:
    """Return the factor after each of these loads."""
    left = list(loads)
    load = Load(limit, {"cpu": lambda: left.pop(0)})
    return [load.measure() for _ in loads]


def test_above_the_limit_half_is_kept() -> None:
    """0.8 itself is not above it."""
    assert factors(0.8, 0.5, 0.8, 0.81) == [1.0, 1.0, 0.5]


def test_at_the_limit_it_does_not_go_to_and_fro() -> None:
    """It is let go a tenth below the limit."""
    assert factors(0.8, 0.81, 0.79, 0.81, 0.71, 0.69, 0.79, 0.81) == [0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 0.5]


def test_a_limit_of_one_means_never() -> None:
    """Nothing is even read."""
    assert factors(1.0, 1.0, 1.0) == [1.0, 1.0]


def test_the_highest_reading_counts() -> None:
    """A full queue is enough, whatever the CPU does."""
    load = Load(0.8, {"cpu": lambda: 0.1, "queues": lambda: 0.9})

    assert load.measure() == 0.5
    assert load.values == {"cpu": 0.1, "queues": 0.9}
    assert load.factor == 0.5


def test_a_reading_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others still count, and after ten faults in a row it is asked no more."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)
    asked = []

    def broken() -> float:
        asked.append(1)
        raise RuntimeError("no")

    load = Load(0.8, {"broken": broken, "cpu": lambda: 0.9})

    assert {load.measure() for _ in range(30)} == {0.5}
    assert len(asked) == 10
