"""The list of runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from otelkit._cli.look import ASCII, UNICODE
from otelkit._cli.run_list import run_list
from otelkit.model.views import RunRow
from tests.cli.view_samples import ENDED, RUN

_NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_OLD = replace(ENDED, state="interrupted", id="manual", started_at="2026-10-01T10:00:00.123456Z", lost=12, spans=0)


def _shown(*runs: RunRow, width: int = 80) -> list[str]:
    return [text.plain.rstrip() for text in run_list(runs, width, UNICODE, _NOW)]


def test_one_line_a_run() -> None:
    """Starts of today are times, others dates; ids are as long as commands need them."""
    assert _shown(RUN, ENDED, _OLD)[:4] == [
        "name      state               started     took    spans  lost  run",
        "nightly   ● running          11:51:21    83 s    19,213     0  9f3a21c4d5e6",
        "nightly   ✗ failed (1)       11:51:21    83 s    19,213     0  9f3a21c4d5e6",
        "nightly   ■ interrupted  01 Oct 10:00    83 s         0    12  manual",
    ]


def test_nothing_lost_needs_no_column() -> None:
    """The column is there when there is something to say."""
    assert "lost" not in _shown(RUN)[0]


@pytest.mark.parametrize("width", [60, 72, 100])
def test_name_state_and_id_always_stay(width: int) -> None:
    """What is needed to type the next command is there at every width."""
    lines = _shown(RUN, replace(_OLD, name="a/very/long/name/of/a/program.py"), width=width)

    assert all(len(line) <= width for line in lines)
    assert lines[0].split()[0] == "name"
    assert lines[0].split()[-1] == "run"


def test_another_year_and_an_odd_time() -> None:
    """A start of last year has its year; one that is no time is shown as it is."""
    lines = _shown(replace(RUN, started_at="2025-03-04T05:06:07Z"), replace(RUN, started_at="soon\x1b[2J"))

    assert "2025-03-04" in lines[1]
    assert "soon�[2J" in lines[2]


def test_no_runs_yet() -> None:
    """An empty store says how to fill it."""
    assert _shown() == ["no runs yet; start one with otelkit run python app.py"]
    assert [text.plain for text in run_list([RUN], 60, ASCII, _NOW)][1].isascii()
