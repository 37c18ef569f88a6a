"""The table of stages: which columns a width has room for, and their cells in steady widths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from otelkit._cli import figures
from otelkit._cli.fitting import fit, left, printable, right
from otelkit._cli.look import BAD, BAR, LOOK, QUIET, STRONG, Signs, line, sayable
from otelkit.model.views import QueueRow, RunRow, StageRow

GAP: Final = 2
"""Cells between two columns."""
_NAME_LEAST: Final = 10
_NAME_STEADY: Final = 16
"""Wide enough that a stage that appears later seldom moves the columns."""
_NAME_MOST: Final = 40
_BAR_CELLS: Final = 16

Cell = tuple[str, str]
"""Text and style."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What cells need to know besides their stage."""

    run: RunRow
    queues: dict[str, QueueRow]
    """By the stage that takes from it."""
    busiest: float
    exact: bool
    signs: Signs


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    width: int
    """Cells it always has, so that nothing moves while numbers change."""
    keep: int
    """Columns with a lower number are left out first when the width is short."""
    cell: Callable[[StageRow, _Seen], Cell]
    to_left: bool = False


@dataclass(frozen=True, slots=True)
class StageTable:
    """A laid-out table."""

    header: Text
    rows: tuple[Text, ...]
    width: int
    """Cells of the widest line."""
    shows_queues: bool
    """Whether queues named after a stage have a column of their own."""


def stage_table(run: RunRow, width: int, signs: Signs, *, exact: bool = False) -> StageTable:
    """Lay out the stages of a run in at most ``width`` cells.

    Args:
        run: With its stages.
        width: Cells; from 60 up every important column is there, below that the least important go.
        signs: The encoding's signs.
        exact: Whether counts are written in full (a summary) rather than in seven characters (a live table).
    """
    seen = _Seen(
        run,
        queues_by_stage(run),
        max((stage.busy for stage in run.stages), default=0.0),
        exact,
        signs,
    )
    offered = [_settled(column, run, seen) for column in _COLUMNS if column.title != "queue" or seen.queues]
    longest_name = max((cell_len(printable(stage.name)) for stage in run.stages), default=0)
    wanted_name = min(max(longest_name, _NAME_STEADY), _NAME_MOST)
    columns = _chosen(offered, width, min(wanted_name, max(longest_name, _NAME_LEAST)))
    room = width - sum(column.width + GAP for column in columns)
    name_width = max(1, min(wanted_name, room))
    gap = " " * GAP
    header = line((left("stage", name_width), QUIET))
    for column in columns:
        title = left(column.title, column.width) if column.to_left else right(column.title, column.width)
        header.append(gap + title, QUIET)
    rows: list[Text] = []
    for stage in run.stages:
        row = line((left(fit(printable(stage.name), name_width, keep="end", signs=signs), name_width), STRONG))
        for column in columns:
            text, style = column.cell(stage, seen)
            row.append(gap)
            row.append(left(text, column.width) if column.to_left else right(text, column.width), style)
        rows.append(row)
    used = name_width + sum(column.width + GAP for column in columns)
    return StageTable(header, tuple(rows), used, any(column.title == "queue" for column in columns))


def queues_by_stage(run: RunRow) -> dict[str, QueueRow]:
    """Return the watched queues that belong to a stage: named after it, or ending in ``->stage``."""
    names = {stage.name for stage in run.stages}
    found: dict[str, QueueRow] = {}
    for queue in run.queues:
        taker = queue.name.rpartition("->")[2].strip()
        if queue.name in names:
            found[queue.name] = queue
        elif taker in names:
            found.setdefault(taker, queue)
    for stage in run.stages:
        if stage.depth is not None:
            found.setdefault(stage.name, QueueRow(stage.name, stage.depth, None))
    return found


def queue_cell(queue: QueueRow) -> Cell:
    """Return a queue's filling, with a style that shows one that is all but full."""
    if queue.capacity is None:
        return figures.count(queue.depth), ""
    full = queue.capacity > 0 and queue.depth >= 0.9 * queue.capacity
    return f"{figures.count(queue.depth)}/{figures.count(queue.capacity)}", LOOK if full else ""


def _chosen(columns: Sequence[_Column], width: int, name_width: int) -> list[_Column]:
    kept = list(columns)
    while kept and name_width + sum(column.width + GAP for column in kept) > width:
        kept.remove(min(kept, key=lambda column: column.keep))
    return kept


def _settled(column: _Column, run: RunRow, seen: _Seen) -> _Column:
    """Widen a column to its longest cell."""
    longest = max((cell_len(column.cell(stage, seen)[0]) for stage in run.stages), default=0)
    return replace(column, width=max(column.width, longest))


def _count(number: int, seen: _Seen) -> str:
    return figures.exact(number) if seen.exact else figures.count(number)


def _per_second(number: int, over_the_end: float | None, seen: _Seen) -> Cell:
    """The last seconds' rate while the run goes on, its mean once it is over."""
    value = over_the_end if seen.run.state == "running" else _mean(number, seen.run.duration_s)
    return sayable(figures.rate(value), seen.signs), QUIET if not value else ""


def _mean(number: int, duration_s: float) -> float | None:
    return number / duration_s if duration_s > 0 else None


def _time(value: float | None, seen: _Seen) -> Cell:
    return sayable(figures.aligned_duration(value), seen.signs), QUIET if value is None else ""


def _calls(stage: StageRow, seen: _Seen) -> Cell:
    return _count(stage.calls, seen), ""


def _calls_per_s(stage: StageRow, seen: _Seen) -> Cell:
    return _per_second(stage.calls, stage.calls_per_s, seen)


def _items(stage: StageRow, seen: _Seen) -> Cell:
    return _count(stage.items, seen), "" if stage.items else QUIET


def _items_per_s(stage: StageRow, seen: _Seen) -> Cell:
    return _per_second(stage.items, stage.items_per_s, seen)


def _p50(stage: StageRow, seen: _Seen) -> Cell:
    return _time(stage.p50_s, seen)


def _p95(stage: StageRow, seen: _Seen) -> Cell:
    return _time(stage.p95_s, seen)


def _errors(stage: StageRow, seen: _Seen) -> Cell:
    return _count(stage.failed, seen), BAD if stage.failed else QUIET


def _busy(stage: StageRow, seen: _Seen) -> Cell:
    # The busiest stage is where more workers or faster code would help: the one number to find at a glance.
    busiest = stage.busy > 0 and stage.busy == seen.busiest and len(seen.run.stages) > 1
    return figures.share(stage.busy), STRONG if busiest else ("" if stage.busy > 0 else QUIET)


def _queue(stage: StageRow, seen: _Seen) -> Cell:
    queue = seen.queues.get(stage.name)
    return ("", "") if queue is None else queue_cell(queue)


def _bar(stage: StageRow, seen: _Seen) -> Cell:
    halves = round(2 * _BAR_CELLS * stage.busy / seen.busiest) if seen.busiest > 0 else 0
    return seen.signs.full * (halves // 2) + seen.signs.left_half * (halves % 2), BAR


_COLUMNS: Final = (
    _Column("calls", 7, 3, _calls),
    _Column("calls/s", 7, 8, _calls_per_s),
    _Column("items", 7, 6, _items),
    _Column("items/s", 7, 1, _items_per_s),
    _Column("p50", 6, 7, _p50),
    _Column("p95", 6, 9, _p95),
    _Column("errors", 6, 10, _errors),
    _Column("busy", 5, 5, _busy),
    _Column("queue", 7, 4, _queue),
    _Column("", _BAR_CELLS, 2, _bar, to_left=True),
)
"""In the order shown."""
