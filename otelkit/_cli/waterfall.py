"""A trace in the terminal: bars on a time axis, log lines at their time, and what its notable spans say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from otelkit import names
from otelkit._cli import figures
from otelkit._cli.fitting import fit, printable
from otelkit._cli.look import BAD, COMMAND, GOOD, QUIET, STRONG, Signs, line, sayable
from otelkit._cli.run_lines import short_id, to_type
from otelkit._cli.span_facts import error_of, short_facts
from otelkit._cli.span_tree import Node, Tree, grow
from otelkit._cli.trace_picture import Picture
from otelkit._cli.trace_rows import Rows, rows_of
from otelkit._cli.typed_as import program
from otelkit._cli.why_kept import why_kept
from otelkit.model.views import TraceView

_FAILURES_TOLD: Final = 3


def waterfall(trace: TraceView, width: int, signs: Signs, *, everything: bool = False) -> Iterator[Text]:
    """Yield the lines of a trace's picture, laid out for ``width`` cells.

    Args:
        trace: Whole, or what is stored of it.
        width: Cells; made for 60 and more.
        signs: The encoding's signs.
        everything: Whether all spans, log lines and messages are shown in full, however many.
    """
    tree = grow(trace)
    rows = rows_of(trace, tree, everything=everything)
    yield from _heading(trace, tree, width, signs)
    yield line()
    message_lines = 50 if everything else 1 if rows.hidden_spans else 3
    yield from Picture(tree, rows, width, signs, message_lines).lines()
    yield from _left_out(trace, rows, width, signs)
    said_item = tree.roots[0].span.attributes.get(names.ITEM_ID) if tree.roots else None
    for node, title in _notable(tree, signs):
        yield line()
        yield from short_facts(node, title, width, signs, said_item=said_item)
        detail = f"{program()} trace {short_id(trace.trace_id)} --span {printable(node.span.span_id)}"
        yield from to_type(detail, width, indent=2)


def _heading(trace: TraceView, tree: Tree, width: int, signs: Signs) -> Iterator[Text]:
    failed = sum(node.failed for node in tree.nodes)
    took = sayable(figures.duration((tree.end_ns - tree.start_ns) / 1e9, digits=3), signs)
    if failed:
        verdict = f"{signs.failed} {figures.exact(failed)} of {figures.plural(len(tree.nodes), 'span')} failed", BAD
    else:
        verdict = f"{signs.ok} {figures.plural(len(tree.nodes), 'span')}", GOOD
    if trace.logs:
        took = f"{figures.plural(len(trace.logs), 'log line')}  {took}"
    title = tree.roots[0].span.name if tree.roots else "log lines without a span"
    room = width - cell_len(verdict[0]) - cell_len(took) - 4
    yield line((fit(printable(title), room, signs=signs), STRONG), "  ", verdict, "  ", took)
    started = datetime.fromtimestamp(tree.start_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    facts = [f"trace {printable(trace.trace_id)}", started, *_senders(tree)]
    text = facts[0]
    for fact in facts[1:]:
        # What has no room is in the JSON; a second line of small print would only push the picture down.
        if cell_len(text) + cell_len(fact) + 3 <= width:
            text += f" {signs.dot} {fact}"
    yield line((fit(text, width, signs=signs), QUIET))
    items = [node.span.attributes.get(names.ITEM_ID) for node in tree.roots[:1]]
    if items and items[0] is not None:
        yield line(("item ", QUIET), fit(printable(str(items[0])), width - 5, keep="end", signs=signs))
    kept = why_kept(tree)
    if kept:
        yield line(("kept ", QUIET), fit(printable(kept), width - 5, signs=signs))


def _senders(tree: Tree) -> Iterator[str]:
    services = sorted({str(node.span.resource.get(names.SERVICE_NAME, "")) for node in tree.nodes} - {""})
    if services:
        yield printable(", ".join(services))
    if tree.missing_parents:
        yield f"{figures.plural(tree.missing_parents, 'parent')} not stored"
    processes = {node.span.resource.get(names.SERVICE_INSTANCE_ID) for node in tree.nodes} - {None}
    if len(processes) > 1:
        yield f"{len(processes)} processes"


def _left_out(trace: TraceView, rows: Rows, width: int, signs: Signs) -> Iterator[Text]:
    missing = [
        figures.plural(number, what)
        for number, what in (
            (rows.hidden_spans, "span"),
            (rows.hidden_logs, "log line"),
            (rows.hidden_events, "event"),
        )
        if number
    ]
    if not missing:
        return
    yield line()
    command = f"{program()} trace {short_id(trace.trace_id)} --all"
    text = f"not shown: {', '.join(missing)}  "
    if cell_len(text) + len(command) <= width:
        yield line((text, QUIET), (command, COMMAND))
        return
    yield line((fit(text, width, signs=signs), QUIET))
    yield from to_type(command, width, indent=2)


def _notable(tree: Tree, signs: Signs) -> Iterator[tuple[Node, str]]:
    """Yield a span of each kind of failure, the first of its kind, and the one that took the most time itself."""
    kinds: dict[tuple[str, str], list[Node]] = {}
    for node in tree.nodes:
        if node.origin:
            kinds.setdefault((node.span.name, error_of(node.span).partition(":")[0]), []).append(node)
    told = list(kinds.values())[:_FAILURES_TOLD]
    for first, *others in told:
        again = f" and {figures.exact(len(others))} more like it" if others else ""
        yield first, f"{signs.failed} {printable(first.span.name)} failed{again}"
    slowest = tree.slowest
    if slowest is not None and all(slowest is not first for first, *_ in told):
        whole = max(1, tree.end_ns - tree.start_ns)
        own = sayable(figures.duration(slowest.own_ns / 1e9, digits=3), signs)
        part = figures.share(min(1.0, slowest.own_ns / whole))
        yield (
            slowest,
            f"{signs.dot} {printable(slowest.span.name)} took the most time itself: {own}, {part} of the trace",
        )
