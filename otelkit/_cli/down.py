"""``otelkit down``: end the receiver that ``otelkit up`` started."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0), default=15.0, show_default=True, help="Seconds to wait."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was stopped, as JSON.")
def command(timeout_s: float, as_json: bool) -> int:
    """Stop this folder's receiver. What it has accepted is stored first; nothing happens if none runs.

    Exit codes: 0 none runs any more; 1 it does not stop, or belongs to an `otelkit run` that goes on.
    """
    import json

    from otelkit._cli.receiver_process import stop_receiver

    stopped = stop_receiver(timeout_s)
    if as_json:
        click.echo(json.dumps({"stopped": stopped is not None, "pid": stopped}))
    elif stopped is None:
        click.echo("no receiver runs for this folder")
    else:
        click.echo(f"stopped the receiver (pid {stopped})")
    return 0
