"""``otelkit keep``: send what running programs have not kept, while they still have it."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, max=60),
    default=3.0,
    show_default=True,
    help="Seconds to wait for the first answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON.")
def command(timeout_s: float, as_json: bool) -> int:
    """Have the programs that run in this folder send the traces of the last seconds that their sampler left out.

    For those that sample by `otelkit_tail` and keep them in memory for a while (`sampling_retain_s`).
    The traces say `retroactive` as the reason for which they were kept, and have no sampling probability.

    Exit codes: 0 at least one program has answered; 3 none did.
    """
    import json
    from dataclasses import asdict

    from otelkit._cli.exits import NotFoundError
    from otelkit._cli.keep_request import ask_and_wait
    from otelkit._cli.receiver_settings import receiver_settings, store_folder

    folder = store_folder(receiver_settings())
    found = ask_and_wait(folder, timeout_s)
    if as_json:
        click.echo(json.dumps({"answers": [asdict(answer) for answer in found]}))
        return 0 if found else 3
    if not found:
        raise NotFoundError(
            f"No program has answered in {folder}. Only those do that run with OTEL_TRACES_SAMPLER=otelkit_tail, with "
            "sampling_retain_s above 0 and with this folder as their store_dir."
        )
    for answer in found:
        what = (
            f"{_plural(answer.traces, 'trace')}, {_plural(answer.spans, 'span')}"
            if answer.spans
            else "nothing left out"
        )
        click.echo(f"{answer.program} (pid {answer.pid}): {what}")
    return 0


def _plural(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
