"""What is said of one span."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from otelkit._cli.look import UNICODE
from otelkit._cli.span_facts import all_facts, error_of, key_attributes, place_of, short_facts
from otelkit._cli.span_tree import grow
from otelkit.model.views import EventView, LinkView, TraceView
from tests.cli.view_samples import ERROR, START_NS, exception, failing_trace, log, span


def test_the_place_is_in_the_users_own_code() -> None:
    """Of a traceback that ends in Python's library the last line of the program itself is named."""
    failed = span("a", None, "parse", events=[exception(1)])

    assert place_of(failed) == "/home/me/app/steps.py:31 in parse"


def test_a_place_below_the_working_folder_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the project's folder a place is as short as an editor takes it."""
    monkeypatch.chdir(tmp_path)
    event = EventView("exception", START_NS, {"exception.stacktrace": f'  File "{tmp_path}/app/x.py", line 3, in go\n'})

    assert place_of(span("a", None, "x", events=[event])) == "app/x.py:3 in go"


def test_the_place_falls_back_to_the_innermost_line() -> None:
    """If all of the traceback is library code its last line is better than none."""
    stack = 'File "/usr/lib/python3.11/runpy.py", line 1, in run\nFile "/x/site-packages/lib.py", line 7, in call\n'
    event = EventView("exception", START_NS, {"exception.stacktrace": stack})

    assert place_of(span("a", None, "x", events=[event])) == "/x/site-packages/lib.py:7 in call"
    assert place_of(span("a", None, "x")) == ""


def test_the_short_form_says_nothing_twice() -> None:
    """An item that the heading has, and an argument that is the item, are left out; names are short."""
    attributes = {"pipeline.item.id": "x.py", "pipeline.argument.path": "x.py", "pipeline.argument.source.bytes": 7}
    (node,) = grow(TraceView("1" * 32, (span("a", None, "x", attributes=attributes),), ())).nodes

    assert [text.plain for text in short_facts(node, "x", 80, UNICODE)][1:] == [
        "  item.id                x.py",
        "  argument.source.bytes  7",
    ]
    assert [text.plain for text in short_facts(node, "x", 80, UNICODE, said_item="x.py")][1:] == [
        "  argument.source.bytes  7",
    ]


def test_an_error_is_type_and_message() -> None:
    """From the exception event, else from `error.type` and the status."""
    event = exception(1)
    typed = span("a", None, "x", attributes={"error.type": "OSError"}, status="error", status_message="disk\nfull")

    assert error_of(span("a", None, "x", events=[event])) == f"SyntaxError: {ERROR}"
    assert error_of(typed) == "OSError: disk full"
    assert error_of(span("a", None, "x")) == ""


def test_the_item_comes_first_and_dull_things_are_left_out() -> None:
    """What every span has, or what stands elsewhere in the picture, is no key attribute."""
    attributes = {"a.b": 1, "pipeline.item.id": "x.py", "pipeline.run.id": "r", "thread.id": 7, "error.type": "E"}
    keys = [key for key, _ in key_attributes(span("a", None, "x", attributes=attributes))]

    assert keys == ["pipeline.item.id", "a.b"]


def test_many_attributes_are_counted() -> None:
    """The short form stays short and says how many there are."""
    made = span("a", None, "x", attributes={f"key.{number:02}": number for number in range(20)})
    (node,) = grow(TraceView("1" * 32, (made,), ())).nodes
    lines = [text.plain for text in short_facts(node, "x is slow", 80, UNICODE)]

    assert lines[0] == "x is slow"
    assert lines[-1] == "  12 more attributes"


def test_everything_of_a_span() -> None:
    """Attributes of every type, events with tracebacks, log lines, links and the resource."""
    made = replace(
        span("c", "a", "parse", 0, 12.2, status="error", attributes={"list": (1, 2.5, True), "ratio": 1 / 3}),
        events=(exception(3),),
        links=(LinkView("2" * 32, "d" * 16, {"queue": "jobs"}),),
        trace_state="ot=th:0",
    )
    (node,) = grow(TraceView("1" * 32, (made,), ())).nodes
    text = "\n".join(line.plain for line in all_facts(node, [log(5, "c", "a\nmessage")], 80, UNICODE))

    for expected in (
        "parse  error",
        "took        12.2 ms, 12.2 ms of it without its children",
        "tracestate  ot=th:0",
        "list                 1, 2.5, true",
        "ratio                0.333333",
        "event exception after 3.00 ms",
        '    File "/home/me/app/steps.py", line 31, in parse',
        "log line INFO after 5.00 ms",
        "message  a message",
        "link to span dddddddddddddddd of trace 222222222222",
        "queue  jobs",
        "service.name         syntax-pipeline",
    ):
        assert expected in text


def test_the_failing_trace_has_no_surprises() -> None:
    """All spans of the sample can be told in full at sixty cells."""
    trace = failing_trace()
    for node in grow(trace).nodes:
        assert all(text.cell_len <= 60 for text in all_facts(node, trace.logs, 60, UNICODE))
