"""``otelkit diff``: two runs, stage by stage."""

from __future__ import annotations

from dataclasses import asdict

import click

from otelkit._cli import exits
from otelkit._cli.as_json import dumped, run_object
from otelkit._cli.reading import find_run, opened


@click.command()
@click.argument("before")
@click.argument("after")
@click.option(
    "--fail-above",
    type=click.FloatRange(min=0),
    metavar="PERCENT",
    help="Exit with 1 if a stage's p95 grew by more than this, or its share of failing calls by as many points.",
)
@click.option("--json", "as_json", is_flag=True, help="Print both runs and their stages side by side as JSON.")
def command(before: str, after: str, fail_above: float | None, as_json: bool) -> int:
    """Compare the stages of the runs BEFORE and AFTER.

    Both are the start of a run's id, or a name (the newest run of that name).
    Quantiles are at most 5 % off, so that changes up to 10 % are not coloured.

    Exit codes: 0 compared; 1 a stage got worse than --fail-above allows; 3 there is no such run, or nothing is stored.
    """
    # Rich comes with the layout: not for --help.
    from otelkit._cli.run_diff import compare, run_diff, worse

    with opened() as reader:
        old, new = find_run(reader, before), find_run(reader, after)
    changes = compare(old, new)
    found = [change.name for change in changes if fail_above is not None and worse(change, fail_above)]
    if as_json:
        stages = [asdict(change) | {"worse": change.name in found} for change in changes]
        click.echo(dumped({"before": run_object(old), "after": run_object(new), "stages": stages}))
    else:
        from otelkit._cli.look import make_console, print_lines, signs_of

        console = make_console()
        print_lines(console, run_diff(old, new, console.width, signs_of(console.encoding)))
        if found:
            click.echo(f"worse by more than {fail_above:g} %: {', '.join(found)}", err=True)
    return exits.FAILED if found else exits.OK
