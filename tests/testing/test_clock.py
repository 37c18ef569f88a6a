"""The clock that stands still."""

from __future__ import annotations

import pytest

from otelkit.testing import FakeClock


def test_both_clocks_move_together_and_only_when_told() -> None:
    """By seconds; never back."""
    clock = FakeClock(now_ns=5)
    clock.advance(1.5)

    assert (clock.now_ns(), clock.monotonic_ns()) == (1_500_000_005, 1_500_000_000)
    with pytest.raises(ValueError, match="0 or more"):
        clock.advance(-1)
