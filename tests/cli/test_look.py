"""Consoles follow their surroundings and never fail over a character."""

from __future__ import annotations

import io

import pytest

from otelkit._cli.look import ASCII, PIPE_WIDTH, UNICODE, can_redraw, line, make_console, print_lines, sayable, signs_of
from tests.cli.screen import Screen


def _stream(encoding: str) -> tuple[io.BytesIO, io.TextIOWrapper]:
    raw = io.BytesIO()
    return raw, io.TextIOWrapper(raw, encoding=encoding, errors="strict", write_through=True)


def test_a_pipe_gets_no_codes_and_a_fixed_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redirected output is plain text as wide as the page says."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    raw, stream = _stream("utf-8")
    console = make_console(stream)

    print_lines(console, [line(("x", "bold red"), "   ")])

    assert (raw.getvalue(), console.width, can_redraw(console)) == (b"x\n", PIPE_WIDTH, False)


def test_columns_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sets COLUMNS means it."""
    monkeypatch.setenv("COLUMNS", "66")
    console = make_console(_stream("utf-8")[1])

    assert console.width == 66


def test_no_color_leaves_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes colours away, on a terminal too."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = Screen()
    console = make_console(screen)

    console.print(line(("x", "red")))

    assert "".join(screen.writes) == "x\n"


def test_a_dumb_terminal_is_not_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """TERM=dumb gets pictures one after the other, not codes."""
    monkeypatch.setenv("TERM", "dumb")

    assert not can_redraw(make_console(Screen()))


def test_a_character_outside_the_encoding_is_replaced() -> None:
    """A file name from another machine does not end a report with an error."""
    raw, stream = _stream("ascii")

    print_lines(make_console(stream), [line("日本.py")])

    assert raw.getvalue() == b"??.py\n"


def test_plain_encodings_get_plain_signs() -> None:
    """Without Unicode bars and units are still there."""
    assert (signs_of("utf-8"), signs_of("ascii"), signs_of("latin-1")) == (UNICODE, ASCII, ASCII)
    assert sayable("210 µs –", ASCII) == "210 us -"
    assert all(getattr(ASCII, name).isascii() and len(getattr(ASCII, name)) == 1 for name in ASCII.__slots__)
