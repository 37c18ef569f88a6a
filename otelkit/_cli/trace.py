"""``otelkit trace``: one trace as a waterfall with its log lines."""

from __future__ import annotations

import click

from otelkit._cli.as_json import dumped, trace_object
from otelkit._cli.exits import NotFoundError
from otelkit._cli.reading import opened
from otelkit.model.views import TraceView


@click.command()
@click.argument("trace_id", metavar="ID")
@click.option("--span", "span_id", metavar="SPAN", help="Show everything stored of one span, by the start of its id.")
@click.option("--all", "everything", is_flag=True, help="Show all spans, log lines and messages of a large trace.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole trace as JSON.")
def command(trace_id: str, span_id: str | None, everything: bool, as_json: bool) -> None:
    """Show the trace ID: its spans on a time axis, with log lines and exceptions where they happened.

    ID is the start of a trace's id, as `otelkit run`, `runs` and `top` print it.
    Of more than 60 spans the roots, the failures and the longest are shown; the rest is counted.

    Exit codes: 0 shown, also if spans failed; 3 there is no such trace or span, or nothing has been stored yet.
    """
    with opened() as reader:
        trace = reader.trace(trace_id.strip().lower())
    if trace is None:
        raise NotFoundError(
            f"There is no trace {trace_id!r}, or several start with it. "
            "`otelkit runs RUN` names the slowest and the last failing one of a run."
        )
    if as_json:
        click.echo(dumped(trace_object(trace)))
    else:
        _show(trace, span_id, everything=everything)


def _show(trace: TraceView, span_id: str | None, *, everything: bool) -> None:
    # Rich costs as much as everything else here: not for --json and --help.
    from otelkit._cli.look import make_console, print_lines, signs_of
    from otelkit._cli.span_facts import all_facts
    from otelkit._cli.span_tree import grow
    from otelkit._cli.waterfall import waterfall

    console = make_console()
    signs = signs_of(console.encoding)
    if span_id is None:
        print_lines(console, waterfall(trace, console.width, signs, everything=everything))
        return
    wanted = [node for node in grow(trace).nodes if node.span.span_id.startswith(span_id.strip().lower())]
    if not wanted:
        raise NotFoundError(
            f"There is no span {span_id!r} in trace {trace.trace_id}. `otelkit trace {trace.trace_id} --json` lists its spans."
        )
    for node in wanted:
        print_lines(
            console,
            all_facts(node, [log for log in trace.logs if log.span_id == node.span.span_id], console.width, signs),
        )
