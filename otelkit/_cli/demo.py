"""``otelkit demo``: a real pipeline, watched."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--live/--no-live", default=True, help="Whether to show the table while the pipeline runs, on a terminal."
)
@click.option("--json", "as_json", is_flag=True, help="At the end print the run as one line of JSON, and no summary.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many files.")
def command(live: bool, as_json: bool, limit: int | None) -> int:
    """Parse Python's standard library and its tests into syntax trees, and watch it happen.

    Thousands of files pass five stages; some of them don't parse on purpose. The pipeline has no line of telemetry code.
    It ends by itself.

    Exit codes: 0 done; 1 the pipeline failed; 130 interrupted.
    """
    from otelkit._cli.demo_pipeline import demo_environment, demo_words
    from otelkit._cli.run_session import run_program

    return run_program(demo_words(limit), name="demo", live=live, as_json=as_json, env=demo_environment())
