"""Numbers say what they mean in few characters."""

from __future__ import annotations

import pytest

from otelkit._cli import figures


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "–"),
        (0, "0 s"),
        (-1, "0 s"),
        (8e-7, "0.8 µs"),
        (9.96e-6, "10 µs"),
        (210e-6, "210 µs"),
        (999.4e-6, "999 µs"),
        (999.6e-6, "1.0 ms"),
        (0.0123, "12 ms"),
        (0.9996, "1.0 s"),
        (12, "12 s"),
        (99.4, "99 s"),
        (99.6, "1m40s"),
        (123, "2m03s"),
        (5999, "99m59s"),
        (6000, "1h40m"),
        (1e6, "11d13h"),
    ],
)
def test_a_duration_has_two_digits_and_a_unit(seconds: float | None, expected: str) -> None:
    """Rounding never shows 1000 of a unit."""
    actual = figures.duration(seconds)

    assert expected == actual


@pytest.mark.parametrize(("seconds", "expected"), [(1.234e-3, "1.23 ms"), (0.01239, "12.4 ms"), (0.99996, "1.00 s")])
def test_a_span_has_three_digits(seconds: float, expected: str) -> None:
    """A single span's duration is exact, so one digit more is worth its place."""
    actual = figures.duration(seconds, digits=3)

    assert expected == actual


def test_seconds_stand_below_milliseconds() -> None:
    """Digits of right-aligned durations stand below each other whatever their unit."""
    assert figures.aligned_duration(1.2) == "1.2 s "
    assert figures.aligned_duration(1.2e-3) == "1.2 ms"


def test_a_duration_never_needs_more_than_its_column() -> None:
    """From nanoseconds to years a table cell has six characters at most, a span's seven."""
    value = 1e-9
    while value < 3e8:
        assert len(figures.aligned_duration(value)) <= 6
        assert len(figures.aligned_duration(value, digits=3)) <= 7
        value *= 1.07


def test_counts_and_rates_never_outgrow_their_column() -> None:
    """From one to a trillion a count has seven characters at most and a rate six."""
    value = 1.0
    while value < 1e14:
        assert len(figures.count(int(value))) <= 7
        assert len(figures.rate(value)) <= 6
        value *= 1.3


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0"), (999_999, "999,999"), (1_000_000, "1.00M"), (999_999_999, "1.00G"), (12_345_678, "12.3M")],
)
def test_a_count_is_exact_below_a_million(number: int, expected: str) -> None:
    """Only large counts are rounded."""
    actual = figures.count(number)

    assert expected == actual


@pytest.mark.parametrize(
    ("per_second", "expected"),
    [(None, "–"), (0, "0"), (0.01, "<0.1"), (0.34, "0.3"), (9.96, "10"), (12_304.2, "12,304"), (123_456, "123k")],
)
def test_a_rate_tells_slow_from_none(per_second: float | None, expected: str) -> None:
    """Something that happens now and then is not shown as 0."""
    actual = figures.rate(per_second)

    assert expected == actual


@pytest.mark.parametrize(("part", "expected"), [(0, "0%"), (0.001, "<1%"), (0.115, "12%"), (3.914, "391%")])
def test_a_share_goes_above_one_with_several_workers(part: float, expected: str) -> None:
    """Four workers that never rest are 400 %."""
    actual = figures.share(part)

    assert expected == actual


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-3, "0:00"), (5.9, "0:05"), (754, "12:34"), (3723, "1:02:03"), (183_845, "2d 03:04:05")]
)
def test_a_clock_counts_up_to_days(seconds: float, expected: str) -> None:
    """Elapsed time reads like a clock."""
    actual = figures.clock(seconds)

    assert expected == actual


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 B"), (999, "999 B"), (999_600, "1.0 MB"), (12_345_678, "12 MB"), (5_000_000_000, "5.0 GB")],
)
def test_a_size_has_a_unit(size: int, expected: str) -> None:
    """Sizes are rounded to two digits."""
    actual = figures.data_size(size)

    assert expected == actual


def test_one_is_not_plural() -> None:
    """1 span, 2 spans, 1 line is, 2 lines are."""
    assert [
        figures.plural(1, "span"),
        figures.plural(2, "span"),
        figures.plural(1, "line is", "lines are"),
        figures.plural(1200, "line is", "lines are"),
    ] == ["1 span", "2 spans", "1 line is", "1,200 lines are"]
