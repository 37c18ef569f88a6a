"""Rows of a waterfall: everything at its time, nothing left out uncounted."""

from __future__ import annotations

from otelkit._cli.span_tree import Node, grow
from otelkit._cli.trace_rows import Hidden, Moment, Row, rows_of
from otelkit.model.views import EventView, TraceView
from tests.cli.view_samples import MS, START_NS, exception, failing_trace, large_trace, log, span


def _told(rows: tuple[Row, ...]) -> list[str]:
    return [
        row.span.name if isinstance(row, Node) else row.label if isinstance(row, Moment) else f"{row.spans} hidden"
        for row in rows
    ]


def test_log_lines_stand_between_spans_at_their_time() -> None:
    """Children and log lines of a span are in one order of time."""
    trace = failing_trace()
    rows = rows_of(trace, grow(trace))

    assert _told(rows.rows) == ["analyse", "read", "open", "INFO", "parse", "WARNING", "SyntaxError", "ERROR"]
    assert (rows.hidden_spans, rows.hidden_logs, rows.hidden_events) == (0, 0, 0)


def test_an_exception_on_its_way_up_is_shown_once() -> None:
    """Each span it passes records it; the innermost shows it. Another error of an outer span is shown too."""
    spans = (
        span("a", None, "outer", 0, 9, events=[exception(8), exception(8.5, "other", "app.CleanupError")]),
        span("b", "a", "middle", 1, 7, events=[exception(7)]),
        span("c", "b", "inner", 2, 5, events=[exception(6)]),
    )
    trace = TraceView("1" * 32, spans, ())

    assert _told(rows_of(trace, grow(trace)).rows) == ["outer", "middle", "inner", "SyntaxError", "CleanupError"]


def test_events_have_their_attributes() -> None:
    """An event that is no exception shows its name and facts."""
    event = EventView("cache.miss", START_NS + MS, {"key": "a\nb", "size": 3})
    trace = TraceView("1" * 32, (span("a", None, "root", 0, 9, events=[event]),), ())
    moment = rows_of(trace, grow(trace)).rows[1]

    assert isinstance(moment, Moment)
    assert (moment.label, moment.text, moment.style) == ("cache.miss", "key=a b, size=3", "")


def test_log_lines_without_a_stored_span_come_last() -> None:
    """They belong to the trace, if not to any row of it."""
    trace = TraceView("1" * 32, (span("a", None, "root", 5, 1),), (log(9, "f", "late"), log(1, None, "early", "")))
    rows = rows_of(trace, grow(trace)).rows

    assert _told(rows) == ["root", "LOG", "INFO"]


def test_what_is_left_out_is_counted_exactly() -> None:
    """Shown and hidden add up to what is stored, in rows and in totals."""
    trace = large_trace()
    tree = grow(trace)
    rows = rows_of(trace, tree)
    spans = [row for row in rows.rows if isinstance(row, Node)]
    hidden = [row for row in rows.rows if isinstance(row, Hidden)]
    moments = [row for row in rows.rows if isinstance(row, Moment)]

    assert len(trace.spans) == len(spans) + sum(row.spans for row in hidden)
    assert rows.hidden_spans == sum(row.spans for row in hidden)
    assert len(trace.logs) == rows.hidden_logs + sum(row.kind == "log" for row in moments)
    assert sum(row.failed for row in hidden) + sum(node.failed for node in spans) == 20
    assert [(name, 4975) for name, _ in hidden[0].names] <= [("analyse", 4975), ("parse", 4975)]


def test_harmless_log_lines_are_left_out_first() -> None:
    """Of a thousand log lines the warnings and errors stay."""
    lines = [
        log(number / 100, "a", f"line {number}", "ERROR" if number % 100 == 99 else "INFO") for number in range(1000)
    ]
    spans = (span("a", None, "root", 0, 10), *(span(f"b{n:03}", "a", "x", n / 100, 0.1) for n in range(80)))
    trace = TraceView("1" * 32, spans, tuple(lines))
    rows = rows_of(trace, grow(trace))
    moments = [row for row in rows.rows if isinstance(row, Moment)]

    assert len(moments) == 40
    assert sum(row.label == "ERROR" for row in moments) == 10
    assert rows.hidden_logs == 960


def test_everything_leaves_nothing_out() -> None:
    """`--all` has a row for each span and log line."""
    trace = large_trace(files=200)
    rows = rows_of(trace, grow(trace), everything=True)

    assert (rows.hidden_spans, rows.hidden_logs, rows.hidden_events) == (0, 0, 0)
    assert len(trace.spans) == sum(isinstance(row, Node) for row in rows.rows)


def test_hidden_roots_are_counted_too() -> None:
    """A hundred spans without parents: what is left out has its row at the top level."""
    trace = TraceView("1" * 32, tuple(span(f"{n:x}", "ff", f"s{n % 3}", n, 1) for n in range(100)), ())
    rows = rows_of(trace, grow(trace))
    hidden = [row for row in rows.rows if isinstance(row, Hidden)]

    assert [(0, rows.hidden_spans)] == [(row.depth, row.spans) for row in hidden]
    assert rows.hidden_spans > 50
