"""``otelkit top``: the live table of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from otelkit._cli.as_json import dumped, run_object
from otelkit._cli.reading import find_run, reader_factory
from otelkit.model.views import Reader, RunRow

if TYPE_CHECKING:
    from rich.console import Console


@click.command()
@click.argument("run", required=False)
@click.option("--once", is_flag=True, help="Print one picture and leave. A pipe gets no more than that anyway.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON once and leave.")
def command(run: str | None, once: bool, as_json: bool) -> None:
    """Watch the stages of RUN; without RUN those of the newest run, and then of each newer one.

    RUN is the start of a run's id, or its name (the newest of that name). Ends with the run if you name one,
    else with Ctrl-C.

    Exit codes: 0 ended, also by Ctrl-C; 3 there is no such run, or nothing has been stored yet.
    """
    open_reader = reader_factory()
    reader = open_reader()
    try:
        found = find_run(reader, run)
    finally:
        reader.close()
    if as_json:
        click.echo(dumped(run_object(found)))
        return
    # Rich costs as much as everything else here: not for --json and --help.
    from otelkit._cli.live_table import run_table
    from otelkit._cli.look import can_redraw, make_console

    console = make_console()
    if once or not can_redraw(console) or (run is not None and found.state != "running"):
        console.print(run_table(found, console.width))
        return
    _watch(open_reader, found if run is not None else None, console)


def _watch(open_reader: Callable[[], Reader], named: RunRow | None, console: Console) -> None:
    from otelkit._cli.live_table import follow_chosen

    over = False

    def choose(reader: Reader) -> RunRow | None:
        nonlocal over
        if named is None:
            newest = reader.runs(limit=1)
            return reader.run(newest[0].id) if newest else None
        found = reader.run(named.id)
        over = found is not None and found.state != "running"
        return found

    note = "Ctrl-C leaves; the run goes on" if named is not None else "Ctrl-C leaves; a new run shows up by itself"
    try:
        follow_chosen(open_reader, choose, lambda: over, console, keep=True, note=note)
    except KeyboardInterrupt:
        # How a person leaves a program of this kind: nothing went wrong.
        return
