"""Plain text fitted to the terminal."""

from __future__ import annotations

import pytest

from otelkit._cli.paragraphs import paragraph


@pytest.mark.parametrize(("columns", "widest"), [("60", 60), ("80", 80), ("200", 100), ("10", 40)])
def test_no_line_is_wider_than_the_terminal(columns: str, widest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 100 columns, which read well; at least 40, which a terminal has."""
    monkeypatch.setenv("COLUMNS", columns)

    lines = paragraph("word " * 100, indent=8, first="Do: ").splitlines()

    assert max(map(len, lines)) <= widest
    assert lines[0].startswith("        Do: word")
    assert all(line.startswith("            word") for line in lines[1:])


def test_a_path_stays_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it can be copied, even if it is too long."""
    monkeypatch.setenv("COLUMNS", "60")
    path = "/a-long-folder/" * 8

    assert path in paragraph(f"Look into {path} for more.").splitlines()


def test_lines_stay_lines() -> None:
    """Several mistakes are several lines."""
    assert paragraph("one\ntwo", indent=2) == "  one\n  two"
    assert paragraph("") == ""
