"""The live table: everything at a glance, at every width."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from otelkit._cli.live_table import follow, follow_chosen, run_table
from otelkit.errors import StoreError
from otelkit.model.views import QueueRow, Reader, RunRow, StageRow
from tests.cli.screen import Screen
from tests.cli.view_samples import ENDED, RUN, STAGES, MemoryReader

_NAMES = [stage.name for stage in STAGES]


def _shown(run: RunRow, width: int, height: int | None = None) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width + 20, _environ={}).print(run_table(run, width, height))
    return stream.getvalue().splitlines()


def test_eighty_columns() -> None:
    """The picture of the README's terminal."""
    assert _shown(RUN, 80) == [
        "nightly  ● running  1:23                             19,213 spans · 17 log lines",
        "━━━━━━━━━━━━━━━━━━━━━━━━━━━────────────────────  4,790 of 8,301   57%  ETA  0:41",
        "",
        "stage            calls  calls/s    items     p50     p95  errors   busy    queue",
        "discover             1        0    8,301  1.2 s   1.2 s        0     9%",
        "read             4,812      241    4,812  210 µs  1.3 ms       0    11%",
        "parse            4,811      240    4,811  4.1 ms   18 ms      12   391%",
        "extract          4,799      239    4,799  1.9 ms  9.9 ms       0    97%",
        "store            4,790      239    4,790   88 µs  240 µs       0     5%    61/64",
        "",
        "queues       spill 3",
        "slowest      parse  412 ms  /usr/lib/python3.11/test/test_typing.py",
        "             otelkit trace 9f3a21c4d5e6",
        "last failed  parse  /usr/lib/python3.11/lib2to3/tests/data/py2_test_grammar.py",
        "             SyntaxError: Missing parentheses in call to 'print'. Did you mean …",
        "             otelkit trace 1b2c3d4e5e6f",
    ]


def test_sixty_columns() -> None:
    """Half a screen still has rates, quantiles, errors, load and all queues."""
    lines = _shown(RUN, 60)

    assert lines[:5] == [
        "nightly  ● running  1:23         19,213 spans · 17 log lines",
        "━━━━━━━━━━━━━━━╸───────────  4,790 of 8,301   57%  ETA  0:41",
        "",
        "stage        calls/s    items     p50     p95  errors   busy",
        "discover           0    8,301  1.2 s   1.2 s        0     9%",
    ]
    assert "queues       extract->store 61/64   spill 3" in lines


def test_wide_screens_show_more_and_stay_one_block() -> None:
    """Room is used for items a second and a bar of who is busiest, not for stretching."""
    lines = _shown(RUN, 200)

    assert "items/s" in lines[3]
    assert lines[6].endswith("━" * 16)
    assert all(cell_len(line) <= 112 for line in lines)


@pytest.mark.parametrize("width", [40, 50, 60, 61, 72, 80, 97, 120, 200])
@pytest.mark.parametrize("state", ["running", "ok", "failed", "interrupted", "ended"])
def test_no_line_is_longer_than_the_terminal(width: int, state: str) -> None:
    """At every width each line fits, whatever the user's names are."""
    hostile = StageRow(
        "app.\x1b[2Jsteps." + "日本" * 30, 10**9, 10**9, 10**12, 1e4, 1e7, 128.0, None, 3, 1e7, 1e7, 10**9
    )
    run = replace(RUN, state=state, name="a long name of a run " * 5, stages=(*STAGES, hostile), spans=10**10, lost=5)

    assert all(cell_len(line) <= width for line in _shown(run, width))


def test_nothing_moves_while_numbers_change() -> None:
    """From the first call to hundreds of thousands each column ends at the same cell."""
    small = replace(RUN, progress=1, stages=tuple(replace(s, calls=1, items=1, p50_s=1e-6, failed=0) for s in STAGES))
    large = replace(
        RUN, progress=8300, stages=tuple(replace(s, calls=999_999, items=10**9, p50_s=0.5, failed=9) for s in STAGES)
    )
    first, second = _shown(small, 100), _shown(large, 100)

    assert first[3] == second[3]
    assert [cell_len(line) for line in first[:2]] == [cell_len(line) for line in second[:2]]
    assert first[1].index("of 8,301") == second[1].index("of 8,301")


def test_failures_and_a_full_queue_stand_out() -> None:
    """Red is for errors, yellow for a queue that is all but full, and nothing else in the table has these colours."""
    screen = Screen()
    console = screen.console()

    console.print(run_table(replace(RUN, last_failed=None), 80))

    coloured = "".join(screen.writes)
    assert coloured.count("\x1b[31m") == 1
    assert "\x1b[31m    12\x1b[0m" in coloured
    assert coloured.count("\x1b[33m") == 1
    assert "\x1b[33m  61/64\x1b[0m" in coloured


def test_a_plain_encoding_is_enough() -> None:
    """Without Unicode the picture has the same facts in plain letters."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    Console(file=stream, width=80, _environ={}).print(run_table(RUN, 80))
    stream.flush()

    assert b"210 us  1.3 ms" in raw.getvalue()
    assert b"nightly  > running" in raw.getvalue()


def test_a_run_that_has_just_started_says_so() -> None:
    """Before the first call has ended the picture is not an empty table."""
    run = RunRow("r", "app.py", "running", "2026-11-21T11:51:21Z", 0.4, 0, 0)

    assert "no stage has ended a call yet" in _shown(run, 80)


def test_a_run_without_a_total_counts() -> None:
    """Items are counted where the total is unknown; there is no bar to guess at."""
    assert _shown(replace(RUN, total=None), 80)[1] == "4,790 items so far"


def test_progress_beyond_the_total_stays_honest() -> None:
    """A wrong total gives a full bar and the true number."""
    line = _shown(replace(RUN, progress=9000, eta_s=None), 80)[1]

    assert "9,000 of 8,301  100%" in line
    assert "─" not in line


def test_few_lines_show_few_stages() -> None:
    """On a low terminal stages that have no room are counted; what failed last stays visible."""
    stages = tuple(replace(STAGES[1], name=f"stage_{number}") for number in range(40))
    lines = _shown(replace(RUN, stages=stages), 80, 20)

    assert len(lines) == 20
    assert "… 32 more stages" in lines
    assert lines[-1].strip().startswith("otelkit trace")


def test_a_queue_named_after_a_stage_is_beside_it() -> None:
    """Depth that a stage row has itself is shown like a queue's."""
    run = replace(RUN, queues=(QueueRow("parse", 7, 8),), stages=(STAGES[0], STAGES[2], replace(STAGES[3], depth=5)))
    lines = _shown(run, 80)

    assert lines[5].endswith("7/8")
    assert lines[6].endswith("5")
    assert not any(line.startswith("queues") for line in lines)


def test_an_ended_run_shows_the_rates_of_its_json() -> None:
    """The table and `runs --json` agree."""
    assert round(ENDED.stages[1].calls_per_s or 0) == 58
    assert "read             4,812       58 " in _shown(ENDED, 80)[5]


def test_a_stage_without_an_ended_call_is_running() -> None:
    """A generator that feeds the run ends with it; until then its row says that it runs."""
    run = replace(RUN, stages=(replace(STAGES[0], calls=0, items=0, p50_s=None, p95_s=None, busy=0.0), *STAGES[1:]))

    assert _shown(run, 80)[4] == "discover             0  running        0       –       –       0     0%"


def _after(times: int) -> Callable[[], bool]:
    left = [times]

    def until() -> bool:
        left[0] -= 1
        return left[0] < 0

    return until


def test_following_takes_the_picture_away_at_the_end() -> None:
    """The summary is printed where the live table was."""
    screen = Screen()
    reader = MemoryReader()
    follow(lambda: reader, RUN.id, _after(3), screen.console(), 0.0)

    assert any("calls/s" in text for text in screen.writes)
    assert (screen.text, screen.cursor_shown, reader.closed) == ("", True, True)


def test_a_kept_picture_is_the_last_state() -> None:
    """`top` leaves the final numbers on the screen, without its note."""
    screen = Screen()
    reader = MemoryReader()
    runs = iter([RUN, RUN, ENDED, ENDED])
    follow_chosen(
        lambda: reader, lambda _: next(runs), _after(3), screen.console(), 0.0, keep=True, note="Ctrl-C leaves"
    )

    assert "✗ failed (1)" in screen.text
    assert "Ctrl-C" not in screen.text


def test_a_store_that_is_not_there_yet_is_tried_again(tmp_path) -> None:  # type: ignore[no-untyped-def]  # pytest's fixture
    """The receiver makes the store only when the first data arrives."""
    screen = Screen()
    tries = 0

    def open_reader() -> Reader:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StoreError("no store", path=tmp_path / "telemetry.db")
        return MemoryReader()

    follow_chosen(open_reader, lambda reader: reader.run(RUN.id), _after(7), screen.console(), 0.0, keep=True)

    assert "waiting for the first telemetry" in "".join(screen.writes)
    assert "parse" in screen.text
    assert tries == 3


def test_a_failing_read_keeps_the_last_picture(tmp_path) -> None:  # type: ignore[no-untyped-def]  # pytest's fixture
    """A busy store for a moment is no reason to show nothing, and it is opened anew."""
    screen = Screen()
    opened: list[MemoryReader] = []
    looks = 0

    def open_reader() -> Reader:
        opened.append(MemoryReader())
        return opened[-1]

    def choose(reader: Reader) -> RunRow | None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise StoreError("busy", path=tmp_path)
        return reader.run(RUN.id)

    follow_chosen(open_reader, choose, _after(7), screen.console(), 0.0, keep=True)

    assert len(opened) == 2
    assert opened[0].closed
    assert "waiting" not in "".join(screen.writes)


def test_rows_stay_where_they_were() -> None:
    """A stage that the store lists elsewhere later keeps its row while somebody watches; a new one comes last."""
    screen = Screen()
    runs = iter([replace(RUN, stages=STAGES[:2]), *([replace(RUN, stages=STAGES[::-1])] * 9)])
    follow_chosen(MemoryReader, lambda _: next(runs), _after(3), screen.console(), 0.0, keep=True)
    rows = [line.split()[0] for line in screen.text.splitlines() if line.split() and line.split()[0] in _NAMES]

    assert rows == ["discover", "read", "store", "extract", "parse"]


def test_a_pipe_is_left_alone() -> None:
    """Where nothing can be written over, following only waits."""
    stream = io.StringIO()
    follow(MemoryReader, RUN.id, _after(3), Console(file=stream, _environ={}), 0.0)

    assert stream.getvalue() == ""
