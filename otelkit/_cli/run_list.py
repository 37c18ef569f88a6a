"""The list of runs, one a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.text import Text

from otelkit._cli import figures
from otelkit._cli.columns import Cell, Column, lay_out
from otelkit._cli.fitting import printable
from otelkit._cli.look import COMMAND, LOOK, QUIET, STRONG, Signs, line, sayable
from otelkit._cli.run_lines import sentence, short_id, state_of
from otelkit._cli.typed_as import program
from otelkit.model.views import RunRow


def run_list(runs: Sequence[RunRow], width: int, signs: Signs, now: datetime) -> Iterator[Text]:
    """Yield a table of runs, laid out for ``width`` cells, and what shows one of them.

    Args:
        runs: The newest first.
        width: Cells; made for 60 and more.
        signs: The encoding's signs.
        now: With its time zone, in which starts are told; those of today without their date.
    """
    if not runs:
        yield from sentence("no runs yet; start one with ", f"{program()} run python app.py", "", width)
        return
    columns = [
        Column("name", [(printable(run.name), STRONG) for run in runs], 8, least=10, most=40, cut="end"),
        Column("state", [state_of(run, signs) for run in runs], 9, to_left=True),
        Column("started", [(_started(run, now), "") for run in runs], 8, 60),
        Column("took", [_took(run, signs) for run in runs], 7, 70),
        Column("spans", [(figures.exact(run.spans), "" if run.spans else QUIET) for run in runs], 7, 50),
        Column("lost", [_lost(run) for run in runs], 4, 40),
        Column("run", [(short_id(run.id), COMMAND) for run in runs], 12, to_left=True),
    ]
    if not any(run.lost for run in runs):
        columns = [column for column in columns if column.title != "lost"]
    table = lay_out(columns, width, signs)
    yield table.header
    yield from table.rows
    yield line()
    yield from sentence("", f"{program()} runs RUN", " shows the stages of one", width)


def _started(run: RunRow, now: datetime) -> str:
    try:
        started = datetime.fromisoformat(run.started_at).astimezone(now.tzinfo)
    except ValueError:
        return printable(run.started_at)
    if started.date() == now.date():
        return started.strftime("%H:%M:%S")
    return started.strftime("%d %b %H:%M" if started.year == now.year else "%Y-%m-%d")


def _took(run: RunRow, signs: Signs) -> Cell:
    return sayable(figures.aligned_duration(run.duration_s), signs), QUIET if run.state == "running" else ""


def _lost(run: RunRow) -> Cell:
    return figures.count(run.lost), LOOK if run.lost else QUIET
