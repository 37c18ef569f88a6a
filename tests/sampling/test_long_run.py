"""Errors that do not go away are made up for, slowly."""

from __future__ import annotations

import pytest

from otelkit.sampling.long_run import LongRun


def after(*errors: float, is_short: bool = True) -> float:
    """Return the correction after windows with these errors."""
    run = LongRun()
    for error in errors:
        run.end_window(error, is_short=is_short)
    return run.correction


def test_what_is_kept_too_much_again_and_again_lowers_the_target() -> None:
    """By 3 % per window from the second one on, down to a quarter."""
    assert after(0.5, 0.5) == pytest.approx(0.97)
    assert after(-0.3, -0.3) == pytest.approx(1.03)
    assert after(*[1.0] * 200) == 0.25
    assert after(*[-0.3] * 200) == 1.25


def test_a_single_window_changes_nothing() -> None:
    """A step up, or chance that goes to and fro."""
    assert after(3.0) == 1.0
    assert after(0.2, -0.2, 0.2, -0.2) == 1.0


def test_a_fall_of_what_comes_is_none_of_its_business() -> None:
    """Estimates that fall slowly keep far too little for two windows."""
    assert after(-0.9, -0.6) == 1.0


def test_what_fits_needs_no_correction() -> None:
    """It fades."""
    run = LongRun()
    for _ in range(20):
        run.end_window(0.5, is_short=True)
    for _ in range(20):
        run.end_window(0.0, is_short=False)

    assert run.correction == pytest.approx(1.0, abs=0.01)
    assert run.error == 0.0
