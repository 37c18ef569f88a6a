"""``otelkit export``: what is stored, as OTLP JSON lines."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import click

from otelkit._cli import figures
from otelkit._cli.as_json import dumped
from otelkit._cli.otlp_lines import LINE_BYTES_MOST, otlp_lines
from otelkit._cli.reading import find_run, opened
from otelkit.errors import OtelkitError


@click.command()
@click.argument("run", required=False)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write this file; else the output."
)
@click.option("--json", "as_json", is_flag=True, help="With -o: say as JSON what was written.")
def command(run: str | None, output: Path | None, as_json: bool) -> None:
    """Write RUN, or everything stored, as OTLP/JSON: one request a line.

    A Collector reads the file with its `otlpjsonfile` receiver. A file is written whole or not at all.

    Exit codes: 0 written; 1 the file can't be written; 2 --json without -o; 3 there is no such run, or nothing is stored.
    """
    if as_json and output is None:
        raise click.UsageError(
            "--json says what was written to a file; the output itself is JSON already. Add -o FILE."
        )
    with opened() as reader:
        run_id = find_run(reader, run).id if run is not None else None
        lines = otlp_lines(reader.export(run_id))
        if output is None:
            for text in lines:
                click.echo(text)
            return
        count, size, longer = _write(output, lines)
    if as_json:
        click.echo(
            dumped({"file": str(output), "lines": count, "bytes": size, "longer_than_collector_default": longer})
        )
        return
    click.echo(f"wrote {figures.plural(count, 'line')}, {figures.data_size(size)}, to {output}", err=True)
    if longer:
        click.echo(
            f"{figures.plural(longer, 'line is', 'lines are')} longer than {figures.data_size(LINE_BYTES_MOST)}: "
            "set the receiver's max_log_size above the longest.",
            err=True,
        )


def _write(path: Path, lines: Iterable[str]) -> tuple[int, int, int]:
    """Return lines, bytes and lines that are too long for a Collector's default. Written beside, then moved in place.

    A device or pipe is written directly: it has no place to take.
    """
    temporary = path if path.exists() and not path.is_file() else path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with temporary.open("wb") as stream:
            facts = _copy(lines, stream)
        if temporary != path:
            temporary.replace(path)
    except OSError as error:
        if isinstance(error, OtelkitError):
            raise
        raise click.FileError(str(path), error.strerror or str(error)) from error
    finally:
        if temporary != path:
            temporary.unlink(missing_ok=True)
    return facts


def _copy(lines: Iterable[str], stream: IO[bytes]) -> tuple[int, int, int]:
    count = size = longer = 0
    for text in lines:
        size += stream.write(text.encode("ascii") + b"\n")
        count += 1
        longer += len(text) > LINE_BYTES_MOST
    return count, size, longer
