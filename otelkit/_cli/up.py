"""``otelkit up``: a receiver that stays."""

from __future__ import annotations

import click


@click.command()
@click.option("--foreground", is_flag=True, help="Stay in front and log here, as a supervisor or container wants it.")
@click.option("--json", "as_json", is_flag=True, help="Print what listens, as JSON.")
@click.option("--ready-fd", type=int, hidden=True, help="Where the background process says that it listens.")
def command(foreground: bool, as_json: bool, ready_fd: int | None) -> int:
    """Start the receiver for this folder's store in the background; nothing happens if it runs already.

    It takes OTLP over HTTP (port 4318) and, with the extra `grpc`, over gRPC (port 4317), and first of all takes in what
    programs kept in the spool. `otelkit down` stops it.

    Exit codes: 0 it listens; 1 it can't (the port is taken, the store can't be opened …).
    """
    from otelkit._cli.receiver_process import describe, serve, start_in_background

    if foreground:
        return serve(as_json=as_json, ready_fd=ready_fd)
    receiver, already = start_in_background(lambda mistake: click.echo(f"otelkit: {mistake}", err=True))
    click.echo(describe(receiver, already=already, as_json=as_json))
    return 0
