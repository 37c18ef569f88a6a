"""The lines around a run's stage table: its heading, its progress, its queues, and the items worth a look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len, chop_cells
from rich.text import Text

from otelkit._cli import figures
from otelkit._cli.fitting import fit, printable, right, wrapped
from otelkit._cli.look import BAD, COMMAND, GOOD, LOOK, QUIET, STRONG, Signs, line, sayable
from otelkit._cli.stage_table import queue_cell, queues_by_stage
from otelkit._cli.typed_as import program
from otelkit.model.bottleneck import bottleneck_of
from otelkit.model.views import ItemRef, RunRow

_LABEL: Final = 13
"""Cells of the labels below the table."""
_DOCTOR: Final = "otelkit doctor"
ID_LENGTH: Final = 12
"""Hex digits of an id that we show: a store of a million traces has two that share them once in 500 times."""


def state_of(run: RunRow, signs: Signs) -> tuple[str, str]:
    """Return a run's state with its sign, and the style of both."""
    sign, style = {
        "running": (signs.running, GOOD),
        "ok": (signs.ok, GOOD),
        "failed": (signs.failed, BAD),
        "interrupted": (signs.interrupted, LOOK),
    }.get(run.state, (signs.over, QUIET))
    code = f" ({run.exit_code})" if run.state == "failed" and run.exit_code is not None else ""
    return f"{sign} {printable(run.state)}{code}", style


def short_id(run_or_trace_id: str) -> str:
    """Return as much of an id as commands need to find it again."""
    clean = printable(run_or_trace_id)
    return clean[:ID_LENGTH] if len(clean) == 32 or len(clean) == 36 else clean


def to_type(command: str, width: int, *, label: str = "", indent: int = _LABEL) -> Iterator[Text]:
    """Yield a command to type, whole at any width: where it has no room it is continued as a shell reads it.

    Args:
        command: What to type.
        width: Cells.
        label: Stands before it, or above it where there is no room beside.
        indent: Cells of the label, or of space before the command, where there is room.
    """
    if indent + cell_len(command) <= width:
        yield line((f"{label:<{indent}}", QUIET), (command, COMMAND))
        return
    if label:
        yield line((label, QUIET))
    while cell_len(command) > width:
        head = chop_cells(command, max(1, width - 1))[0]
        space = head.rfind(" ") + 1
        head = head[: space or len(head)]
        yield line((head + "\\", COMMAND))
        command = command[len(head) :]
    yield line((command, COMMAND))


def labelled(label: str, words: str, width: int, signs: Signs) -> Iterator[Text]:
    """Yield words beside their label, on at most 4 lines."""
    for text in wrapped(sayable(printable(words), signs), max(20, width - _LABEL), 4, signs):
        yield line((f"{label:<{_LABEL}}", QUIET), text)
        label = ""


def sentence(before: str, command: str, after: str, width: int) -> Iterator[Text]:
    """Yield a sentence with a command to type in it; where it has no room, the command on lines of its own."""
    if cell_len(before + command + after) <= width:
        yield line((before, QUIET), (command, COMMAND), (after, QUIET))
        return
    if before:
        yield line((before.rstrip(), QUIET))
    yield from to_type(command, width, indent=0)


def heading(run: RunRow, width: int, signs: Signs) -> Text:
    """Return the run's name, state and age on the left, what is stored of it on the right."""
    state, style = state_of(run, signs)
    facts = [figures.plural(run.spans, "span")]
    if run.logs:
        facts.append(figures.plural(run.logs, "log line"))
    stored = f" {signs.dot} ".join(facts)
    elapsed = figures.clock(run.duration_s)
    room = width - cell_len(state) - cell_len(elapsed) - 4
    if room - cell_len(stored) - 2 < min(12, cell_len(run.name)):
        stored = facts[0]
    name = fit(printable(run.name), max(8, room - cell_len(stored) - 2), signs=signs)
    text = line((name, STRONG), "  ", (state, style), "  ", elapsed)
    text.append(right(stored, max(cell_len(stored) + 2, width - text.cell_len)), QUIET)
    return text


def progress(run: RunRow, width: int, signs: Signs) -> Text | None:
    """Return a bar with what is done, how much that is and how long the rest takes; None if the run does not tell."""
    if run.progress is None:
        return None
    if not run.total:
        return line(figures.plural(run.progress, "item"), (" so far" if run.state == "running" else "", QUIET))
    done = run.progress / run.total
    total = figures.exact(run.total)
    # As wide as it will ever be, so that the bar keeps its length.
    count = f"{figures.exact(run.progress).rjust(len(total))} of {total}"
    percent = f"{min(100, int(done * 100)):>3}%"
    rest = ""
    if run.state == "running":
        known = run.eta_s is not None and done < 1
        rest = f"  ETA {sayable(figures.clock(run.eta_s or 0.0) if known else figures.UNKNOWN, signs):>5}"
    tail = f"  {count}  {percent}{rest}"
    cells = max(8, width - cell_len(tail))
    halves = min(2 * cells, int(2 * cells * done))
    bar = signs.full * (halves // 2) + signs.left_half * (halves % 2)
    style = BAD if run.state == "failed" else LOOK if run.state == "interrupted" else GOOD if done >= 1 else COMMAND
    return line((bar, style), (signs.rest * (cells - cell_len(bar)), QUIET), tail)


def queues(run: RunRow, width: int, signs: Signs, *, in_table: bool) -> Text | None:
    """Return the watched queues that the table does not show, on one line; None if there are none."""
    shown = {queue.name for queue in queues_by_stage(run).values()} if in_table else set()
    rest = [queue for queue in run.queues if queue.name not in shown]
    if not rest:
        return None
    text = line((f"{'queues':<{_LABEL}}", QUIET))
    for number, queue in enumerate(rest):
        filling, style = queue_cell(queue)
        name = fit(printable(queue.name), 24, signs=signs)
        if text.cell_len + cell_len(name) + cell_len(filling) + 8 > width and number:
            text.append(f"+{len(rest) - number}", QUIET)
            break
        text.append(name + " ")
        text.append(filling, style)
        text.append("   ")
    text.rstrip()
    return text


def long_calls(run: RunRow, width: int, signs: Signs) -> Iterator[Text]:
    """Yield the calls that have been running for long, with their items."""
    label = "still running"
    for call in run.long_calls:
        since = f"  {figures.clock(call.elapsed_s)}"
        room = width - len(label) - 1 - len(since)
        stage = fit(printable(call.stage), max(10, room // 3), keep="end", signs=signs)
        text = line((f"{label} ", QUIET), stage, (since, LOOK))
        if call.item:
            text.append("  " + fit(printable(call.item), room - cell_len(stage) - 2, keep="end", signs=signs))
        yield text
        label = " " * len(label)


def bottleneck(run: RunRow, width: int, signs: Signs) -> Iterator[Text]:
    """Yield the sentence that names the limiting stage; nothing where none can be told.

    Args:
        run: Whole, or the part of it that the sentence is to be about (see `otelkit.model.bottleneck.since`).
        width: Cells.
        signs: The encoding's signs.
    """
    found = bottleneck_of(run)
    if found is None:
        return
    label = "bottleneck"
    for text in wrapped(sayable(printable(found.sentence), signs), max(20, width - _LABEL), 4, signs):
        yield line((f"{label:<{_LABEL}}", QUIET), (text, LOOK))
        label = ""


def lost(run: RunRow, width: int, signs: Signs) -> Text | None:
    """Return what senders say never arrived; None if nothing is missing."""
    if not run.lost:
        return None
    things = "span, log line or point" if run.lost == 1 else "spans, log lines or points"
    what = f"{figures.exact(run.lost)} {things} never arrived: "
    what = fit(what, width - _LABEL - len(_DOCTOR), signs=signs)
    return line((f"{'lost':<{_LABEL}}", QUIET), (what, LOOK), (_DOCTOR, COMMAND))


def notable(run: RunRow, width: int, signs: Signs) -> Iterator[Text]:
    """Yield the slowest and the last failing item, each with the command that shows its trace."""
    if run.slowest is not None:
        facts = [(sayable(figures.duration(run.slowest.duration_s), signs), "")]
        yield from _item("slowest", run.slowest, facts, width, signs)
    if run.last_failed is not None:
        error = printable(run.last_failed.error or "failed")
        yield from _item("last failed", run.last_failed, [(error, BAD)], width, signs)


def _item(label: str, ref: ItemRef, facts: list[tuple[str, str]], width: int, signs: Signs) -> Iterator[Text]:
    command = f"{program()} trace {short_id(ref.trace_id)}"
    room = width - _LABEL
    first = line((f"{label:<{_LABEL}}", QUIET))
    stage = fit(printable(ref.stage), max(10, room // 3), keep="end", signs=signs)
    first.append(stage)
    ((fact, style),) = facts
    item = printable(ref.item or "")
    left_over = room - cell_len(stage) - 2
    if style:
        # The error gets a line of its own: it is what the reader came for.
        if item:
            first.append("  " + fit(item, left_over, keep="end", signs=signs))
        yield first
        yield line(" " * _LABEL, (fit(fact, room, signs=signs), style))
    else:
        first.append("  " + fact, STRONG)
        if item:
            first.append("  " + fit(item, left_over - cell_len(fact) - 2, keep="end", signs=signs))
        yield first
    yield from to_type(command, width)
