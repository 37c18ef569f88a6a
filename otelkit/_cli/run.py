"""``otelkit run``: a program, watched."""

from __future__ import annotations

import click


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--name", help="What to call the run. Without it the script's name.")
@click.option("--live/--no-live", default=True, help="Whether to show the table while the program runs, on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="At the end print the run as one line of JSON, and no summary.")
@click.argument("words", metavar="[--] COMMAND…", nargs=-1, required=True, type=click.UNPROCESSED)
def command(words: tuple[str, ...], name: str | None, live: bool, as_json: bool) -> int:
    """Run a program, see its stages live, and what came of them at the end.

    COMMAND is what you would type without otelkit: `otelkit run python app.py --input data`. A Python program in it is
    instrumented as `opentelemetry-instrument` does it; `OTEL_*` variables that you have set keep their meaning. Its input,
    its output and its signals stay its own. The table is drawn on standard error; a program that draws on the terminal
    itself, or reads single keys, gets the screen for itself.

    Exit codes: the program's own; 128 + N if signal N ended it; 126 and 127 if it can't be started.
    """
    from otelkit._cli.find_program import CannotStartError
    from otelkit._cli.run_session import run_program

    try:
        return run_program(words, name=name, live=live, as_json=as_json)
    except CannotStartError as error:
        click.echo(f"otelkit: {error}", err=True)
        return error.exit_code
