"""The table of a run's stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otelkit._cli import figures
from otelkit._cli.columns import Cell, Column, Table, lay_out
from otelkit._cli.fitting import printable
from otelkit._cli.look import BAD, BAR, GOOD, LOOK, QUIET, STRONG, Signs, sayable
from otelkit.model.views import QueueRow, RunRow, StageRow

QUEUE: Final = "queue"
"""Title of the column that shows the queues named after stages."""
_NAME_LEAST: Final = 10
_NAME_STEADY: Final = 16
"""Wide enough that a stage that appears later seldom moves the columns."""
_NAME_MOST: Final = 40
_BAR_CELLS: Final = 16


@dataclass(frozen=True, slots=True)
class _Seen:
    """What cells need to know besides their stage."""

    run: RunRow
    queues: dict[str, QueueRow]
    busiest: float
    exact: bool
    signs: Signs


@dataclass(frozen=True, slots=True)
class _Measure:
    """What is told of each stage."""

    title: str
    steady: int
    keep: int
    cell: Callable[[StageRow, _Seen], Cell]
    to_left: bool = False
    when: Callable[[_Seen], bool] | None = None
    """Whether there is anything to tell; None: always."""


def stage_table(run: RunRow, width: int, signs: Signs, *, exact: bool = False) -> Table:
    """Lay out the stages of a run in at most ``width`` cells.

    Args:
        run: With its stages.
        width: Cells; from 60 up every important column is there, below that the least important go.
        signs: The encoding's signs.
        exact: Whether counts are written in full (a summary) rather than in seven characters (a live table).
    """
    busiest = max((stage.busy for stage in run.stages), default=0.0)
    seen = _Seen(run, queues_by_stage(run), busiest, exact, signs)
    stages = [(printable(stage.name), STRONG) for stage in run.stages]
    name = Column("stage", stages, _NAME_STEADY, to_left=True, least=_NAME_LEAST, most=_NAME_MOST, cut="end")
    measures = [
        Column(
            measure.title,
            [measure.cell(stage, seen) for stage in run.stages],
            measure.steady,
            measure.keep,
            measure.to_left,
        )
        for measure in _MEASURES
        if measure.when is None or measure.when(seen)
    ]
    return lay_out([name, *measures], width, signs)


def leaves_items_behind(stage: StageRow) -> bool:
    """Return whether items of a stage failed or were skipped where its failed calls do not tell."""
    return stage.items_failed > stage.failed or stage.items_skipped > 0


def queues_by_stage(run: RunRow) -> dict[str, QueueRow]:
    """Return the watched queues that belong to a stage: named after it, or ending in an arrow to it (``parse->store``)."""
    stages = {stage.name for stage in run.stages}
    found: dict[str, QueueRow] = {}
    for queue in run.queues:
        taker = queue.name.replace("→", "->").rpartition("->")[2].strip()
        if queue.name in stages:
            found[queue.name] = queue
        elif taker in stages:
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


def _count(number: int, seen: _Seen) -> str:
    return figures.exact(number) if seen.exact else figures.count(number)


def _per_second(value: float | None, seen: _Seen) -> Cell:
    return sayable(figures.rate(value), seen.signs), "" if value else QUIET


def _time(value: float | None, seen: _Seen) -> Cell:
    return sayable(figures.aligned_duration(value), seen.signs), QUIET if value is None else ""


def _calls(stage: StageRow, seen: _Seen) -> Cell:
    return _count(stage.calls, seen), ""


def _calls_per_s(stage: StageRow, seen: _Seen) -> Cell:
    if stage.active and not stage.calls:
        # A generator that feeds the whole run ends with it: until then this is all there is to say.
        return "running", GOOD
    return _per_second(stage.calls_per_s, seen)


def _items(stage: StageRow, seen: _Seen) -> Cell:
    return _count(stage.items, seen), "" if stage.items else QUIET


def _items_failed(stage: StageRow, seen: _Seen) -> Cell:
    return _count(stage.items_failed, seen), BAD if stage.items_failed else QUIET


def _items_skipped(stage: StageRow, seen: _Seen) -> Cell:
    return _count(stage.items_skipped, seen), LOOK if stage.items_skipped else QUIET


def _items_per_s(stage: StageRow, seen: _Seen) -> Cell:
    return _per_second(stage.items_per_s, seen)


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


def _any(seen: _Seen, of_stage: Callable[[StageRow], bool]) -> bool:
    return any(map(of_stage, seen.run.stages))


_MEASURES: Final = (
    _Measure("calls", 7, 3, _calls),
    _Measure("calls/s", 7, 8, _calls_per_s),
    _Measure("items", 7, 6, _items),
    _Measure(
        "failed", 6, 6, _items_failed, when=lambda seen: _any(seen, lambda stage: stage.items_failed > stage.failed)
    ),
    _Measure("skipped", 7, 4, _items_skipped, when=lambda seen: _any(seen, lambda stage: stage.items_skipped > 0)),
    _Measure("items/s", 7, 1, _items_per_s),
    _Measure("p50", 6, 7, _p50),
    _Measure("p95", 6, 9, _p95),
    _Measure("errors", 6, 10, _errors),
    _Measure("busy", 5, 5, _busy),
    _Measure(QUEUE, 7, 4, _queue, when=lambda seen: bool(seen.queues)),
    _Measure("", _BAR_CELLS, 2, _bar, to_left=True),
)
"""In the order shown; what failed and was skipped beside ``items`` are items, ``errors`` are calls. ``keep``: what stays
longest on a narrow terminal are errors, p95 and calls/s."""
