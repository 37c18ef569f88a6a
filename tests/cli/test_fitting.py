"""The user's text can't steer the terminal and fits its cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from otelkit._cli.fitting import fit, left, printable, right, wrapped
from otelkit._cli.look import ASCII


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[2Jb", "a�[2Jb"),
        ("bell\x07 c1\x9b31m", "bell� c1�31m"),
        ("two\nlines\tand  spaces ", "two lines and spaces"),
        ("txt.\u202egnp", "txt.�gnp"),
        ("lone \udcff surrogate", "lone � surrogate"),
        ("Grüße 日本語", "Grüße 日本語"),
    ],
)
def test_control_characters_show_up_instead_of_acting(text: str, expected: str) -> None:
    """A file name with escape codes can neither clear the screen nor turn text around."""
    actual = printable(text)

    assert expected == actual


@given(st.text(), st.integers(min_value=0, max_value=30), st.sampled_from(["start", "end"]))
def test_fitted_text_never_has_more_cells(text: str, width: int, keep: str) -> None:
    """Whatever the text, it takes at most its cells; wide letters count two."""
    shown = fit(printable(text), width, keep=keep)  # type: ignore[arg-type]  # one of the two literals

    assert cell_len(shown) <= width


def test_the_end_of_a_path_stays() -> None:
    """What tells files apart is at the end of their paths."""
    assert fit("/usr/lib/test_x.py", 13, keep="end") == "…ib/test_x.py"
    assert fit("SyntaxError: no", 10) == "SyntaxErr…"
    assert fit("SyntaxError: no", 1, signs=ASCII) == "~"
    assert fit("日本語テキスト", 6) == "日本…"


def test_padding_counts_cells() -> None:
    """Wide letters take two cells of a column."""
    assert left("日本", 5) + "|" == "日本 |"
    assert right("日本", 5) + "|" == " 日本|"


def test_wrapping_breaks_at_spaces_and_counts_lines() -> None:
    """Messages break between words; what has no room is marked."""
    assert wrapped("one two three four", 8, 5) == ["one two", "three", "four"]
    assert wrapped("one two three four five", 8, 2) == ["one two", "three f…"]
    assert wrapped("a" * 12, 8, 5) == ["aaaaaaaa", "aaaa"]
    assert wrapped("/usr/lib/test_x.py", 10, 5) == ["/usr/lib/", "test_x.py"]
    assert wrapped("", 8, 5) == []


@given(st.text(), st.integers(min_value=2, max_value=30), st.integers(min_value=1, max_value=6))
def test_wrapped_lines_fit(text: str, width: int, most: int) -> None:
    """No line is too long and there are not too many."""
    lines = wrapped(printable(text), width, most)

    assert len(lines) <= most
    assert all(cell_len(line) <= width for line in lines)
