"""Two runs side by side: which stages became slower or fail more often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from otelkit._cli import figures
from otelkit._cli.columns import Cell, Column, lay_out
from otelkit._cli.fitting import fit, left, printable
from otelkit._cli.look import BAD, GOOD, QUIET, STRONG, Signs, line, sayable
from otelkit._cli.run_lines import short_id, state_of
from otelkit.model.views import RunRow, StageRow

NOISE: Final = 0.10
"""Changes of quantiles up to this share are not told from none: each is read from a histogram, at most 5 % off."""


@dataclass(frozen=True, slots=True)
class StageChange:
    """One stage in both runs."""

    name: str
    before: StageRow | None
    """None: the stage is new."""
    after: StageRow | None
    """None: the stage is gone."""

    def ratio(self, measure: Callable[[StageRow], float | None]) -> float | None:
        """Return how much larger a measure became: 0.25 is a quarter more; None if it can't be said."""
        if self.before is None or self.after is None:
            return None
        old, new = measure(self.before), measure(self.after)
        return None if old is None or new is None or old <= 0 else new / old - 1

    @property
    def failing_share(self) -> tuple[float | None, float | None]:
        """Share of calls that failed, before and after; None without calls."""
        return _failing(self.before), _failing(self.after)


def compare(before: RunRow, after: RunRow) -> list[StageChange]:
    """Return the stages of both runs, in the order of the second; those that are gone come last."""
    old = {stage.name: stage for stage in before.stages}
    new = {stage.name: stage for stage in after.stages}
    return [StageChange(name, old.get(name), new.get(name)) for name in dict.fromkeys((*new, *old))]


def worse(change: StageChange, percent: float) -> bool:
    """Return whether a stage's p95 grew by more than ``percent`` %, or its share of failing calls by as many points.

    A stage that is new or gone is neither better nor worse.
    """
    slower = change.ratio(lambda stage: stage.p95_s)
    before, after = change.failing_share
    fails_more = before is not None and after is not None and after - before > percent / 100
    return fails_more or (slower is not None and slower > percent / 100)


def run_diff(before: RunRow, after: RunRow, width: int, signs: Signs) -> Iterator[Text]:
    """Yield both runs' headings and a table of their stages, laid out for ``width`` cells."""
    yield _heading("before", before, width, signs)
    yield _heading("after", after, width, signs)
    yield line()
    changes = compare(before, after)
    if not changes:
        yield line(("neither run has ended a stage call", QUIET))
        return
    stages = [(printable(change.name), STRONG) for change in changes]
    table = lay_out(
        [
            Column("stage", stages, 12, to_left=True, least=10, most=40, cut="end"),
            *_timing("p95", changes, 90, lambda stage: stage.p95_s, signs),
            *_timing("p50", changes, 70, lambda stage: stage.p50_s, signs),
            Column("errors", _sides(changes, lambda stage: figures.count(stage.failed), _failure_style, signs), 8, 80),
            Column("calls", _sides(changes, lambda stage: figures.count(stage.calls), lambda _: "", signs), 9, 60),
            Column("busy", _sides(changes, lambda stage: figures.share(stage.busy), lambda _: "", signs), 8, 50),
        ],
        width,
        signs,
    )
    yield table.header
    yield from table.rows


def _heading(label: str, run: RunRow, width: int, signs: Signs) -> Text:
    state, style = state_of(run, signs)
    tail = f"  {figures.clock(run.duration_s)}  {short_id(run.id)}"
    room = max(8, width - 8 - len(state) - len(tail) - 2)
    return line(
        (left(label, 8), QUIET), (fit(printable(run.name), room, signs=signs), STRONG), "  ", (state, style), tail
    )


def _timing(
    title: str, changes: Sequence[StageChange], keep: int, measure: Callable[[StageRow], float | None], signs: Signs
) -> list[Column]:
    values = [_pair(change, measure, signs) for change in changes]
    ratios = [_ratio(change.ratio(measure), signs) for change in changes]
    # One column for values and change, so that both stay or go together.
    longest = max(len(text) for text, _ in values)
    return [
        Column(
            title,
            [
                (f"{text:>{longest}}  {ratio:>6}", style)
                for (text, _), (ratio, style) in zip(values, ratios, strict=True)
            ],
            23,
            keep,
        )
    ]


def _pair(change: StageChange, measure: Callable[[StageRow], float | None], signs: Signs) -> Cell:
    old = measure(change.before) if change.before is not None else None
    new = measure(change.after) if change.after is not None else None
    texts = (sayable(f"{figures.aligned_duration(value):>6}", signs) for value in (old, new))
    return f" {signs.into} ".join(texts), ""


def _ratio(ratio: float | None, signs: Signs) -> Cell:
    if ratio is None:
        return "", QUIET
    if abs(ratio) <= NOISE:
        return sayable("±0%" if round(ratio * 100) == 0 else f"{ratio:+.0%}", signs), QUIET
    return f"{ratio:+.0%}" if ratio < 9.995 else f"{sayable('×', signs)}{ratio + 1:.0f}", BAD if ratio > 0 else GOOD


def _sides(
    changes: Sequence[StageChange], shown: Callable[[StageRow], str], style: Callable[[StageChange], str], signs: Signs
) -> list[Cell]:
    """Return ``before → after`` for each stage, with the arrows below each other."""
    texts = [
        [
            sayable(shown(stage) if stage is not None else figures.UNKNOWN, signs)
            for stage in (change.before, change.after)
        ]
        for change in changes
    ]
    widest = [max(len(text) for text in side) for side in zip(*texts, strict=True)]
    return [
        (f"{old:>{widest[0]}} {signs.into} {new:>{widest[1]}}", style(change))
        for (old, new), change in zip(texts, changes, strict=True)
    ]


def _failure_style(change: StageChange) -> str:
    before, after = change.failing_share
    if before is None or after is None or before == after:
        return "" if before or after else QUIET
    return BAD if after > before else GOOD


def _failing(stage: StageRow | None) -> float | None:
    return stage.failed / stage.calls if stage is not None and stage.calls else None
