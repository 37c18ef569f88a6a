"""The lines around the stage table."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from otelkit._cli import run_lines
from otelkit._cli.as_json import run_object
from otelkit._cli.live_table import follow_chosen, run_table
from otelkit._cli.look import ASCII, UNICODE, print_lines
from otelkit._cli.run_list import run_list
from otelkit._cli.summary import print_summary
from otelkit._cli.waterfall import waterfall
from otelkit.model.views import LongCall, QueueRow, RunRow, StageRow, TraceView
from tests.cli.screen import Screen
from tests.cli.view_samples import ENDED, RUN, TRACE_ID, MemoryReader, span

NARROW = (24, 30, 40, 45, 50, 59)

LIMITED = replace(
    RUN,
    measured_s=10.0,
    stages=(
        StageRow("read", 9, 0, 9, 0.1, 0.1, 0.4, working=0.2, starved=0.0, blocked=0.7, puts_into=("files",)),
        StageRow("parse", 9, 0, 9, 0.1, 0.1, 1.9, working=1.9, starved=0.0, blocked=0.0, takes_from=("files",)),
    ),
    queues=(QueueRow("files", 10, 10, full=0.93),),
)


def plain(lines: object) -> list[str]:
    return [text.plain.rstrip() for text in lines if isinstance(text, Text)]  # type: ignore[attr-defined]  # any iterable


@pytest.mark.parametrize("width", [5, 12, 24, 26, 40])
def test_a_command_is_whole_for_a_shell_at_any_width(width: int) -> None:
    """What is copied from a narrow terminal works: no line is too long, and a shell joins them again."""
    command = ".venv-of-a-long-name/bin/otelkit trace 1b2c3d4e5e6f"
    lines = plain(run_lines.to_type(command, width, label="again"))
    typed = "\n".join(line for line in lines if line != "again").strip()
    joined = subprocess.run(["sh", "-c", f'set -- {typed}; echo "$*"'], capture_output=True, text=True, check=True)

    assert all(cell_len(line) <= width for line in lines)
    assert joined.stdout == f"{command}\n"


@pytest.mark.parametrize("width", NARROW)
def test_no_command_is_cut_on_a_narrow_terminal(width: int) -> None:
    """Summary, list, live table and trace say what to type in full, below 60 columns too."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, _environ={})
    print_summary(replace(ENDED, lost=3), console)
    if width >= 40:
        console.print(run_table(RUN, width))
    trace = TraceView(TRACE_ID, (span("a", None, "parse", status="error"),), ())
    print_lines(console, run_list([], width, UNICODE, datetime.now(UTC)))
    print_lines(console, run_list([RUN], width, UNICODE, datetime.now(UTC)))
    print_lines(console, waterfall(trace, width, UNICODE))
    text = stream.getvalue()
    joined = text.replace("\\\n", "")

    for command in (
        "otelkit runs 9f3a21c4d5e6",
        "otelkit trace 9f3a21c4d5e6",
        "otelkit trace 1b2c3d4e5e6f",
        "otelkit run python app.py",
        "otelkit runs RUN",
        "otelkit trace 1b2c3d4e5e6f --span a000000000000000",
    ):
        assert command in joined
    assert all(cell_len(line) <= width for line in text.splitlines())


def test_items_that_failed_inside_of_good_calls_are_in_the_table_and_in_words() -> None:
    """A call that handled 100 items and failed on 3 is no failed call; the 3 are shown."""
    stages = (
        StageRow("read", 1, 0, 100, 1.0, 1.0, 0.5, items_failed=3, items_skipped=1_200),
        StageRow("parse", 97, 2, 97, 1.0, 1.0, 0.5, items_failed=2),
    )
    stream = io.StringIO()
    print_summary(replace(ENDED, stages=stages, queues=()), Console(file=stream, width=100, _environ={}))
    lines = stream.getvalue().splitlines()
    header = next(line for line in lines if line.startswith("stage")).split()
    read = next(line for line in lines if line.startswith("read")).split()

    assert dict(zip(header, read, strict=False))["failed"] == "3"
    assert dict(zip(header, read, strict=False))["skipped"] == "1,200"
    assert "items        3 failed and 1,200 skipped of 100 items of read" in lines


def test_failed_calls_alone_need_no_further_columns() -> None:
    """Where each failing item is a failing call, the column of errors says it all."""
    stream = io.StringIO()
    run = replace(ENDED, stages=(StageRow("parse", 97, 2, 97, 1.0, 1.0, 0.5, items_failed=2),))
    print_summary(run, Console(file=stream, width=120, _environ={}))

    assert "skipped" not in stream.getvalue()
    assert "items   " not in stream.getvalue().splitlines()[-4]


def test_calls_that_run_for_long_are_shown_with_their_items() -> None:
    """Whoever waits sees on what."""
    calls = (
        LongCall("enhance", "big.wav", TRACE_ID, "a" * 16, 95.0),
        LongCall("enhance", None, TRACE_ID, "b" * 16, 12.0),
    )

    assert plain(run_lines.long_calls(replace(RUN, long_calls=calls), 60, UNICODE)) == [
        "still running enhance  1:35  big.wav",
        "              enhance  0:12",
    ]


@pytest.mark.parametrize("width", [40, 60, 100])
def test_the_limiting_stage_is_said_in_one_sentence_that_fits(width: int) -> None:
    """With its evidence, in the live table and in the summary."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, _environ={})
    print_summary(LIMITED, console)
    console.print(run_table(LIMITED, width))
    said = list(run_lines.bottleneck(LIMITED, width, ASCII))

    assert stream.getvalue().count("bottleneck   parse limits: busy") == 2
    assert " ".join(line.plain.removeprefix("bottleneck").strip() for line in said) == (
        "parse limits: busy 95 % of 2 workers, its input queue `files` is full 93 % of the time"
    )
    assert all(cell_len(line) <= width for line in stream.getvalue().splitlines())


def test_json_names_the_limiting_stage() -> None:
    """A program that reads the run finds it, or null."""
    assert run_object(LIMITED)["bottleneck"]["stage"] == "parse"
    assert run_object(RUN)["bottleneck"] is None


def test_the_live_table_tells_what_limits_lately() -> None:
    """A bottleneck that moves during the run is shown where it is now, not where it was on the whole."""

    def after(seconds: float, read_s: float, parse_s: float) -> RunRow:
        shares = (read_s / seconds, parse_s / seconds)
        stages = tuple(
            replace(stage, working=share, starved=1 - share, blocked=0.0)
            for stage, share in zip(LIMITED.stages, shares, strict=True)
        )
        return replace(LIMITED, measured_s=seconds, stages=stages, queues=())

    # For a minute reading limits, then for six seconds parsing.
    moments = iter([after(30, 29, 1), after(60, 59, 2), after(63, 59.1, 5), after(66, 59.2, 8)])
    ends = iter([False] * 8 + [True])
    screen = Screen(100, 30)
    seen: list[str] = []

    def choose(_: object) -> RunRow | None:
        seen.append(next((line for line in screen.lines if "limits" in line), ""))
        return next(moments, None)

    follow_chosen(MemoryReader, choose, lambda: next(ends), screen.console(), 0.0)
    told = [line.split()[1] for line in seen if line]

    assert told[0] == "read"
    assert told[-1] == "parse"
