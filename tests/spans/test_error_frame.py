"""Where in the program's own code an error was raised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import Event

from otelkit import names
from otelkit.model.error_facts import stacktrace_of
from otelkit.spans.error_frame import error_frame

pytestmark = pytest.mark.requirement("TRC-17")


def event(text: object) -> Event:
    return Event("exception", {names.EXCEPTION_STACKTRACE: text})  # type: ignore[dict-item] # rubbish on purpose


def raised(work: object) -> Event:
    try:
        work()  # type: ignore[operator] # it is a function
    except ValueError as error:
        return event(stacktrace_of(error))
    raise AssertionError("nothing was raised")


def load() -> None:
    json.loads("{")


def test_the_innermost_line_of_the_programs_own_code_is_told() -> None:
    """What the standard library does below it is not the program's."""
    frame = error_frame([raised(load)])

    assert frame is not None
    assert frame.startswith(f"{Path(__file__)}:")
    assert frame.endswith(" load")


def test_installed_packages_are_not_the_programs_own() -> None:
    """Nor is otelkit; where there is nothing else, the innermost frame stands."""
    ours, package = "otelkit/stages/functions.py", "/venv/lib/python3.11/site-packages/numpy/core.py"
    root = Path(names.__file__).parents[1]
    lines = [f'  File "{root}/{ours}", line 1, in call', f'  File "{package}", line 2, in dot']

    assert error_frame([event("\n".join(lines))]) == f"{package}:2 dot"
    assert error_frame([event("\n".join(['  File "/app/work.py", line 9, in work', *lines]))]) == "/app/work.py:9 work"


def test_the_last_exception_told_counts() -> None:
    """The one that left the span comes last."""
    first = event('  File "/app/a.py", line 1, in a')
    last = event('  File "/app/b.py", line 2, in <module>')

    assert error_frame([first, last, Event("progress")]) == "/app/b.py:2 <module>"


@pytest.mark.parametrize("events", [None, [], [Event("progress")], [event(5)], [event("no frame")]])
def test_without_a_stack_trace_nothing_is_told(events: list[Event] | None) -> None:
    """Whatever the events are."""
    assert error_frame(events) is None


def test_a_path_of_any_length_is_cut() -> None:
    """The end tells most."""
    frame = error_frame([event(f'  File "/{"x" * 1000}/a.py", line 1, in a')])

    assert frame is not None
    assert len(frame) == 300
    assert frame.endswith("/a.py:1 a")


def test_a_folder_whose_name_begins_like_ours_is_the_programs() -> None:
    """A program beside otelkit may be called ``otelkit_app``."""
    root = Path(names.__file__).parent
    lines = [f'  File "{root}_app/jobs.py", line 3, in run', f'  File "{root}/stages/functions.py", line 1, in call']

    assert error_frame([event("\n".join(lines))]) == f"{root}_app/jobs.py:3 run"
