"""What is said when a run is over."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from otelkit._cli.summary import print_summary
from otelkit.model.views import RunRow
from tests.cli.view_samples import ENDED, STAGES


def _shown(run: RunRow, width: int = 80) -> list[str]:
    stream = io.StringIO()
    print_summary(run, Console(file=stream, width=width, _environ={}))
    return stream.getvalue().splitlines()


def test_a_failed_run_says_what_to_type_next() -> None:
    """Stages with exact counts, failures, the slowest and the last failing item, each with its command."""
    large = (replace(ENDED.stages[0], items=12_345_678), *ENDED.stages[1:])

    assert _shown(replace(ENDED, stages=large))[:5] == [
        "nightly  ✗ failed (1)  1:23                          19,213 spans · 17 log lines",
        "━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  8,301 of 8,301  100%",
        "",
        "stage         calls  calls/s       items     p50     p95  errors   busy    queue",
        "discover          1     <0.1  12,345,678  1.2 s   1.2 s        0     9%",
    ]
    assert _shown(ENDED)[-7:] == [
        "failures     12 of 4,811 calls of parse, 0.2%",
        "slowest      parse  412 ms  /usr/lib/python3.11/test/test_typing.py",
        "             otelkit trace 9f3a21c4d5e6",
        "last failed  parse  /usr/lib/python3.11/lib2to3/tests/data/py2_test_grammar.py",
        "             SyntaxError: Missing parentheses in call to 'print'. Did you mean …",
        "             otelkit trace 1b2c3d4e5e6f",
        "again        otelkit runs 9f3a21c4d5e6",
    ]


def test_a_good_run_is_short() -> None:
    """Nothing failed, nothing lost: no line about either."""
    run = replace(ENDED, state="ok", exit_code=0, last_failed=None, stages=STAGES[:2])

    assert not [line for line in _shown(run) if line.startswith(("failures", "last failed", "lost"))]


def test_lost_telemetry_is_never_silent() -> None:
    """What never arrived is counted, with where to look."""
    assert "lost         1,200 spans, log lines or points never arrived: otelkit doctor" in _shown(
        replace(ENDED, lost=1200)
    )


def test_a_run_without_stages_says_where_to_look() -> None:
    """A program that had no stage is not shown as an empty table."""
    run = RunRow("r", "app.py", "ok", "2026-11-21T11:51:21Z", 0.4, 0, 0)

    assert "no stage has ended a call; otelkit doctor looks for the cause" in _shown(run)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_lines_fit_and_have_no_loose_ends(width: int) -> None:
    """No line is too long or ends with spaces."""
    lines = _shown(replace(ENDED, lost=5), width)

    assert all(cell_len(line) <= width and line == line.rstrip() for line in lines)
