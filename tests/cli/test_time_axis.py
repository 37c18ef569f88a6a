"""Bars and marks stand where their time is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelkit._cli.look import ASCII, UNICODE
from otelkit._cli.time_axis import Axis

_times = st.integers(min_value=-(10**12), max_value=10**13)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 100, (0, "━━━━━━━━━━")),
        (0, 50, (0, "━━━━━")),
        (50, 100, (5, "━━━━━")),
        (5, 10, (0, "╺")),
        (0, 5, (0, "╸")),
        (0, 15, (0, "━╸")),
        (5, 25, (0, "╺━╸")),
        (42, 42, (4, "╸")),
        (100, 100, (9, "╺")),
        (-50, 500, (0, "━━━━━━━━━━")),
    ],
)
def test_a_bar_is_drawn_to_half_a_cell(start: int, end: int, expected: tuple[int, str]) -> None:
    """Ten cells for a hundred nanoseconds: each half cell is five; the shortest span is still seen."""
    actual = Axis(0, 100, 10).bar(start, end, UNICODE)

    assert expected == actual


@given(_times, _times, _times, _times, st.integers(min_value=1, max_value=200))
def test_a_bar_never_leaves_the_axis(axis_start: int, axis_end: int, start: int, end: int, cells: int) -> None:
    """Clocks of other machines may be wrong: their spans are drawn at the edge, not beyond it."""
    axis = Axis(axis_start, max(axis_start, axis_end), cells)
    cell, bar = axis.bar(start, max(start, end), UNICODE)

    assert cell >= 0
    assert 1 <= len(bar) <= cells - cell
    assert 0 <= axis.cell(start) < cells


@pytest.mark.parametrize(
    ("length_ns", "expected"),
    [
        (412_000_000, "╷0         ╷100 ms    ╷200 ms    ╷300 ms"),
        (900, "╷0        ╷200 ns   ╷400 ns   ╷600 ns"),
        (1_500_000, "╷0             ╷500 µs        ╷1 ms"),
        (90_000_000_000, "╷0        ╷20 s     ╷40 s     ╷1:00     ╷1:20"),
        (7_200_000_000_000, "╷0         ╷30:00      ╷1:00:00   ╷1:30:00"),
        (1, "╷0"),
    ],
)
def test_marks_are_round_numbers(length_ns: int, expected: str) -> None:
    """A reader can tell times without calculating."""
    marks = Axis(10**18, 10**18 + length_ns, 46).marks(UNICODE)

    assert expected == marks


def test_marks_stand_at_the_cell_of_their_time() -> None:
    """A mark is above the bar that starts at its time."""
    axis = Axis(0, 1_000_000, 77)
    marks = axis.marks(UNICODE)

    for number in range(marks.count("╷")):
        position = [cell for cell, sign in enumerate(marks) if sign == "╷"][number]
        assert axis.cell(number * 200_000) == position


def test_plain_marks() -> None:
    """Without Unicode marks are bars and microseconds are us."""
    assert Axis(0, 900_000, 40).marks(ASCII).startswith("|0")
    assert "us" in Axis(0, 900_000, 40).marks(ASCII)


def test_a_year_has_few_marks() -> None:
    """Any length of time is laid out at once."""
    marks = Axis(0, 340 * 86_400 * 10**9, 80).marks(UNICODE)

    assert marks.split() == ["╷0", "╷50d", "╷100d", "╷150d", "╷200d", "╷250d", "╷300d"]
