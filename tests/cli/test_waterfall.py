"""A trace as a picture that tells its story at every width."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from otelkit._cli.look import ASCII, UNICODE, Signs, print_lines
from otelkit._cli.waterfall import waterfall
from otelkit.model.views import SpanView, TraceView
from tests.cli.view_samples import BAD_FILE, exception, failing_trace, large_trace, log, span

_DAY = "2026-11-18"


def _shown(trace: TraceView, width: int, signs: Signs = UNICODE, *, everything: bool = False) -> list[str]:
    stream = io.StringIO()
    print_lines(Console(file=stream, width=width, _environ={}), waterfall(trace, width, signs, everything=everything))
    return stream.getvalue().splitlines()


@pytest.mark.requirement("TRC-31", "TRC-37")
def test_the_story_of_a_failing_file() -> None:
    """Spans, log lines and the exception in one order, each at its time; then why and what to type."""
    lines = _shown(failing_trace(), 80)

    assert lines[0] == "analyse  ✗ 2 of 4 spans failed  3 log lines  14.1 ms"
    assert lines[1].startswith(f"trace 1b2c3d4e5e6f708a1b2c3d4e5f60718a · {_DAY}")
    assert lines[2:] == [
        "item /usr/lib/python3.11/lib2to3/tests/data/py2_test_grammar.py",
        "",
        "                            ╷0                ╷5 ms             ╷10 ms",
        "✗ analyse          14.1 ms  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━",
        "    read           1.30 ms  ╺━━━━━",
        "      open          400 µs   ━━",
        "      INFO        +1.55 ms       ◆ read 33612 bytes, encoding utf-8",
        "✗   parse          12.2 ms       ╺━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━",
        "      WARNING     +5.00 ms                    ◆ invalid escape sequence in line",
        "                                                12",
        "      SyntaxError +13.7 ms    Missing parentheses in call to 'print'. Did you ◆",
        "                              mean print(...)?",
        "    ERROR         +14.0 ms      could not analyse /usr/lib/python3.11/lib2to3/ ◆",
        "                                tests/data/py2_test_grammar.py",
        "",
        "✗ parse failed",
        "  SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?",
        "  at            /home/me/app/steps.py:31 in parse",
        "  syntax.bytes  33612",
        "  otelkit trace 1b2c3d4e5e6f --span c000000000000000",
    ]


def test_a_message_without_room_beside_its_mark_goes_below() -> None:
    """At sixty cells a message in the middle of the axis has its own line."""
    lines = _shown(failing_trace(), 60)
    place = next(number for number, line in enumerate(lines) if "WARNING" in line)

    assert lines[place].rstrip().endswith("◆")
    assert lines[place + 1] == "        invalid escape sequence in line 12"


def test_a_message_that_would_lose_its_end_goes_below() -> None:
    """Where the room beside the mark is too small for the whole message, the next line is wide enough."""
    message = "the message has more words than the half of a narrow axis can hold, and its end is what matters most: 42"
    spans = (span("a", None, "root", 0, 10),)
    lines = _shown(TraceView("1" * 32, spans, (log(5, "a", message),)), 80)

    assert " ".join(" ".join(lines).split()).count(message) == 1


@pytest.mark.parametrize("width", [40, 60, 61, 79, 80, 100, 120, 200])
@pytest.mark.parametrize("signs", [UNICODE, ASCII])
@pytest.mark.parametrize("trace", [failing_trace(), large_trace(files=300)], ids=["failing", "large"])
def test_no_line_is_longer_than_the_terminal(width: int, signs: Signs, trace: TraceView) -> None:
    """At every width each line fits."""
    lines = _shown(trace, width, signs)

    assert all(cell_len(line) <= width for line in lines)


_span_facts = st.tuples(
    st.integers(0, 9),
    st.integers(-1, 9),
    st.text(max_size=30),
    st.integers(-(10**7), 10**7),
    st.integers(0, 10**8),
    st.sampled_from(["ok", "unset", "error"]),
)


@given(
    st.lists(_span_facts, max_size=70),
    st.lists(st.tuples(st.integers(-1, 9), st.text(max_size=300), st.integers(-(10**7), 10**7)), max_size=50),
    st.integers(20, 220),
    st.sampled_from([UNICODE, ASCII]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_trace_can_be_drawn(
    facts: list[tuple[int, int, str, int, int, str]],
    lines: list[tuple[int, str, int]],
    width: int,
    signs: Signs,
    everything: bool,
) -> None:
    """Whatever senders send: a picture that fits, in which each letter can be printed."""
    spans = tuple(
        span(f"{own}", None if parent < 0 else f"{parent}", name, start, length, status=status, attributes={"x": name})
        for own, parent, name, start, length, status in facts
    )
    logs = tuple(log(at, None if own < 0 else f"{own}", body, body[:9]) for own, body, at in lines)
    shown = _shown(TraceView("1" * 32, spans, logs), width, signs, everything=everything)

    assert all(cell_len(line) <= width for line in shown)
    assert all(line.isprintable() for line in shown)


def test_hostile_names_cannot_act() -> None:
    """Escape codes from a sender are shown, not obeyed, wherever they come from."""
    evil = "\x1b[2J\x1b]0;title\x07"
    spans = (
        span(
            "a",
            None,
            evil,
            0,
            9,
            status="error",
            attributes={"pipeline.item.id": evil, evil: evil},
            status_message=evil,
        ),
        span("b", "a", evil, 1, 2, attributes={"pipeline.item.id": evil * 2}, events=[exception(2, evil, evil)]),
    )
    text = "\n".join(_shown(TraceView("1" * 32, spans, (log(1, "a", evil, evil),)), 80))

    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_large_trace_says_what_it_leaves_out() -> None:
    """Ten thousand spans: a screen or two, the number of what is missing, and how to see it."""
    lines = _shown(large_trace(), 100)

    assert lines[0].startswith("nightly  ✗ 20 of 10,001 spans failed  500 log lines  10.0 s")
    assert len(lines) < 110
    missing = next(line for line in lines if line.startswith("not shown"))
    assert missing.endswith("otelkit trace 9f3a21c4d5e6 --all")
    assert any("more" in line and "analyse ×" in line and "parse ×" in line for line in lines)


def test_all_shows_each_span() -> None:
    """`--all` has a line for each span and nothing is missing."""
    lines = _shown(large_trace(files=100), 100, everything=True)

    assert sum(" parse " in line for line in lines) == 100
    assert not any(line.startswith("not shown") for line in lines)


def test_equal_failures_are_told_once() -> None:
    """Ten files that fail alike are one block with a count."""
    lines = _shown(large_trace(), 100)

    assert "✗ parse failed and 9 more like it" in lines


def test_items_stand_beside_their_bars_once() -> None:
    """A child with its parent's item does not repeat it; the root's is in the heading."""
    spans = (
        span("a", None, "root", 0, 10, attributes={"pipeline.item.id": "the root's"}),
        span("b", "a", "first", 0, 1, attributes={"pipeline.item.id": BAD_FILE}),
        span("c", "b", "inner", 0, 1, attributes={"pipeline.item.id": BAD_FILE}),
        span("d", "a", "last", 9, 1, attributes={"pipeline.item.id": "short"}),
    )
    lines = _shown(TraceView("1" * 32, spans, ()), 80)

    first, inner, last = (next(line for line in lines if f"  {name} " in line) for name in ("first", "inner", "last"))
    assert first.rstrip().endswith(f"━╸ …{BAD_FILE[-45:]}")
    assert not inner.rstrip().endswith(".py")
    assert " short ━" in last or " short ╺" in last


def test_without_failures_the_slowest_is_told() -> None:
    """Time that a span spent itself, not waiting for a child, is where to look."""
    spans = (span("a", None, "root", 0, 100), span("b", "a", "quick", 0, 5), span("c", "a", "slow", 5, 90))
    lines = _shown(TraceView("1" * 32, spans, ()), 80)

    assert lines[0].startswith("root  ✓ 3 spans  100 ms")
    assert "· slow took the most time itself: 90.0 ms, 90% of the trace" in lines


def test_a_missing_root_is_said() -> None:
    """Before the run's own span has ended its parts are roots, and the picture says why."""
    lines = _shown(TraceView("1" * 32, (span("b", "a", "parse"),), ()), 120)

    assert "1 parent not stored" in lines[1]


def test_several_processes_are_counted() -> None:
    """Work of a process pool is one trace."""

    def in_process(number: int) -> SpanView:
        resource = {"service.name": "app", "service.instance.id": str(number)}
        return replace(span(f"{number}", None, "work", number), resource=resource)

    lines = _shown(TraceView("1" * 32, tuple(in_process(number) for number in range(4)), ()), 120)

    assert "app · 4 processes" in lines[1]


def test_only_log_lines() -> None:
    """A trace of which only log lines are stored is still shown."""
    lines = _shown(TraceView("1" * 32, (), (log(0, "a", "first"), log(5, "a", "second"))), 80)

    assert lines[0].startswith("log lines without a span")
    assert any("second" in line for line in lines)


def test_a_deep_chain_keeps_its_names() -> None:
    """Beyond a few levels the depth is a number, so that names stay in their column."""
    spans = tuple(span(f"{n:x}1", None if n == 0 else f"{n - 1:x}1", f"level{n}", n, 100 - n) for n in range(30))
    lines = _shown(TraceView("1" * 32, spans, ()), 80)

    assert any("29:level29" in line for line in lines)


def test_errors_are_red_and_bars_are_not() -> None:
    """Colour says what went wrong; a sign in the margin says so without colour."""
    lines = list(waterfall(failing_trace(), 80, UNICODE))
    styles = {text.plain[:14]: {str(part.style) for part in text.spans} for text in lines if isinstance(text, Text)}

    assert "red" in styles["✗   parse     "]
    assert "red" not in styles["    read      "]
    assert "cyan" in styles["    read      "]
