"""``otelkit runs``: the list of runs, or one of them."""

from __future__ import annotations

from datetime import datetime

import click

from otelkit._cli.as_json import dumped, run_object
from otelkit._cli.reading import find_run, opened
from otelkit.model.views import RunRow


@click.command()
@click.argument("run", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most runs to list.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the stages of each run.")
def command(run: str | None, limit: int, as_json: bool) -> None:
    """List the newest runs, or show the stages of one RUN.

    RUN is the start of a run's id, or its name (the newest of that name).

    Exit codes: 0 shown, also if a run failed; 3 there is no such run, or nothing has been stored yet.
    """
    with opened() as reader:
        if run is not None:
            found = [find_run(reader, run)]
        else:
            found = reader.runs(limit=limit)
            if as_json:
                # The list comes without stages; a run deleted meanwhile keeps its line.
                found = [reader.run(row.id) or row for row in found]
    if as_json:
        click.echo(dumped({"runs": [run_object(row) for row in found]}))
    else:
        _show(found, whole=run is not None)


def _show(runs: list[RunRow], *, whole: bool) -> None:
    # Rich costs as much as everything else here: not for --json and --help.
    from otelkit._cli.look import make_console, print_lines, signs_of
    from otelkit._cli.run_list import run_list
    from otelkit._cli.summary import print_summary

    console = make_console()
    if whole:
        print_summary(runs[0], console)
    else:
        print_lines(console, run_list(runs, console.width, signs_of(console.encoding), datetime.now().astimezone()))
