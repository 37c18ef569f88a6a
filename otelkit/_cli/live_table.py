"""The live table: what a run does now, stage by stage, redrawn in place."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from otelkit._cli import run_lines
from otelkit._cli.live_region import LiveRegion
from otelkit._cli.look import NARROWEST, QUIET, Signs, can_redraw, cropped, line, signs_of
from otelkit._cli.stage_table import QUEUE, stage_table
from otelkit.errors import OtelkitError
from otelkit.model.bottleneck import since
from otelkit.model.views import Reader, RunRow

_POLL_S: Final = 0.05
"""How often the end of the run is looked for between two pictures."""
_LATELY_S: Final = 5.0
"""What limits a run is told of at least so many of its last seconds: it may move."""
_EMPTY_WIDTH: Final = 72
"""Cells of the picture before there are stages."""


def run_table(run: RunRow, width: int, height: int | None = None, *, lately: RunRow | None = None) -> RenderableType:
    """Return a picture of the run: heading, progress, stages, queues, what limits it, the slowest and the last failing item.

    Args:
        run: With its stages; without any the picture says that nothing has ended yet.
        width: Cells. Made for 60 and more; no line is ever longer.
        height: Lines at most; stages that have no room are counted. None: as many as it takes.
        lately: The run's last seconds, of which the limiting stage is told; None: all of it.
    """
    return _RunTable(run, max(width, NARROWEST), height, lately or run)


def follow(
    open_reader: Callable[[], Reader],
    run_id: str,
    until: Callable[[], bool],
    console: Console,
    refresh_s: float = 0.25,
) -> None:
    """Show a run live at the bottom of the terminal until ``until()`` is true, then take the picture away.

    On a console that cannot be redrawn (a pipe, ``TERM=dumb``) it only waits. A store that cannot be read yet is tried again
    at the next picture. Others may print whole lines to ``console`` meanwhile, from any thread; they appear above.

    Args:
        open_reader: Opens the store; called in this thread, and again after a failure.
        run_id: The run; until something of it is stored the picture says so.
        until: Asked every 50 ms, in this thread.
        console: Where to draw.
        refresh_s: Seconds between two pictures.
    """
    follow_chosen(open_reader, lambda reader: reader.run(run_id), until, console, refresh_s)


def follow_chosen(
    open_reader: Callable[[], Reader],
    choose: Callable[[Reader], RunRow | None],
    until: Callable[[], bool],
    console: Console,
    refresh_s: float = 0.25,
    *,
    keep: bool = False,
    note: str = "",
) -> None:
    """Do what `follow` does, for the run that ``choose`` finds at each picture.

    Args:
        open_reader: As for `follow`.
        choose: The run to show; None: nothing yet.
        until: As for `follow`.
        console: Where to draw.
        refresh_s: Seconds between two pictures.
        keep: Whether the last picture stays on the screen.
        note: A line below the picture, while it is live.
    """
    source = _Source(open_reader, choose)
    region = LiveRegion(console) if can_redraw(console) else None
    shown: AbstractContextManager[object] = region if region is not None else nullcontext()
    try:
        with shown:
            try:
                while not until():
                    if region is not None:
                        region.show(_picture(source.look(), source.lately, console, note))
                    _wait(refresh_s, until)
            finally:
                if region is not None:
                    if keep:
                        region.show(_picture(source.look(), None, console, ""))
                    else:
                        region.clear()
    finally:
        source.close()


class _Source:
    """The newest facts of the run; the last ones that could be read, if the store is busy or gone."""

    def __init__(self, open_reader: Callable[[], Reader], choose: Callable[[Reader], RunRow | None]) -> None:
        self._open = open_reader
        self._choose = choose
        self._reader: Reader | None = None
        self._last: RunRow | None = None
        self._run_id = ""
        self._places: dict[str, int] = {}
        self._former: deque[RunRow] = deque()
        """The run as it was, once for each time that metrics came: the first is the start of the window, or before it."""

    @property
    def lately(self) -> RunRow | None:
        """The run's last seconds, as far as metrics tell; None: not so many have passed."""
        now = self._last
        if now is None or not self._former:
            return None
        start = self._former[0]
        return since(now, start) if _measured(now) - _measured(start) >= _LATELY_S else None

    def look(self) -> RunRow | None:
        try:
            if self._reader is None:
                self._reader = self._open()
            run = self._choose(self._reader)
            if run is not None:
                self._last = self._in_place(run)
                self._remember(self._last)
        except OtelkitError:
            # Not there yet, or replaced under us: a new reader at the next picture.
            self.close()
        return self._last

    def _in_place(self, run: RunRow) -> RunRow:
        """Keep each stage in the row where it was first seen: eyes follow rows, and a stage may get facts late."""
        if run.id != self._run_id:
            self._run_id, self._places = run.id, {}
            self._former.clear()
        for stage in run.stages:
            self._places.setdefault(stage.name, len(self._places))
        return replace(run, stages=tuple(sorted(run.stages, key=lambda stage: self._places[stage.name])))

    def _remember(self, run: RunRow) -> None:
        former = self._former
        if not former or _measured(run) > _measured(former[-1]):
            former.append(run)
        while len(former) > 1 and _measured(run) - _measured(former[1]) >= _LATELY_S:
            former.popleft()

    def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


def _measured(run: RunRow) -> float:
    return run.measured_s or 0.0


def _wait(seconds: float, until: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not until():
        time.sleep(min(_POLL_S, left))


def _picture(run: RunRow | None, lately: RunRow | None, console: Console, note: str) -> RenderableType:
    below = [line(), line((note, QUIET))] if note else []
    if run is None:
        return Group(line(("waiting for the first telemetry of this run", QUIET)), *below)
    return Group(run_table(run, console.width - 1, console.height - 1 - len(below), lately=lately), *below)


class _RunTable:
    """Lays itself out when it is printed, because only then the encoding is known."""

    def __init__(self, run: RunRow, width: int, height: int | None, lately: RunRow) -> None:
        self._run = run
        self._lately = lately
        self._width = width
        self._height = height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from cropped(self._lines(signs_of(options.encoding)), self._width)

    def _lines(self, signs: Signs) -> list[Text]:
        run = self._run
        table = stage_table(run, self._width, signs)
        # Heading and bar are as wide as the table, so that the picture is one block on a wide screen too.
        width = table.width if table.rows else min(self._width, _EMPTY_WIDTH)
        above = [run_lines.heading(run, width, signs)]
        progress = run_lines.progress(run, width, signs)
        if progress is not None:
            above.append(progress)
        above.append(line())
        rows = [table.header, *table.rows] if table.rows else [line(("no stage has ended a call yet", QUIET))]
        below = [
            text
            for text in (
                run_lines.queues(run, width, signs, in_table=QUEUE in table.titles),
                *run_lines.bottleneck(self._lately, self._width, signs),
                *run_lines.long_calls(run, self._width, signs),
                *run_lines.notable(run, self._width, signs),
                run_lines.lost(run, width, signs),
            )
            if text is not None
        ]
        if below:
            below.insert(0, line())
        return [*above, *self._cut(rows, len(above) + len(below), signs), *below]

    def _cut(self, rows: list[Text], others: int, signs: Signs) -> list[Text]:
        if self._height is None or len(rows) + others <= self._height:
            return rows
        room = max(2, self._height - others - 1)
        hidden = len(rows) - room
        if hidden <= 1:
            return rows
        return [*rows[:room], line((f"{signs.cut} {hidden} more stages", QUIET))]
