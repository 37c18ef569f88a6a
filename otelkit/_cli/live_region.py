"""A few lines at the bottom of a terminal that are written over in place, without flicker, while others print above."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Final

from rich.console import Console, ConsoleRenderable, RenderableType, RenderHook
from rich.control import Control
from rich.segment import ControlType, Segment, Segments

# Both erase from the cursor on: to the end of the line, and to the end of the screen. Marked as control codes, so that
# the console counts no cells for them.
_ERASE_REST_OF_LINE: Final = Segment("\x1b[K", None, [(ControlType.ERASE_IN_LINE, 0)])
_ERASE_BELOW: Final = Segment("\x1b[J", None, [(ControlType.CLEAR,)])
_NEXT_LINE: Final = Segment("\n")


class LiveRegion(RenderHook):
    """Lines that stay at the bottom; whatever else is printed to the same console appears above them.

    Flicker comes from erasing first and writing after. Here each line is written over the old one and only what is left of
    the old one is erased; and nothing is written at all while the picture stays the same.
    Any thread may call `show` and print whole lines to the console. Only for consoles that `look.can_redraw` accepts.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._lines: list[list[Segment]] = []
        self._drawn: list[int] = []
        """Cells of each line that is on the screen now."""
        self._drawn_width = 0
        self._redraw = Control()
        """Printing it prints nothing but the lines."""

    def __enter__(self) -> LiveRegion:
        self._console.push_render_hook(self)
        self._console.show_cursor(False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._console.pop_render_hook()
        if self._drawn:
            self._console.print()
        self._console.show_cursor(True)

    def show(self, picture: RenderableType) -> None:
        """Replace the lines by ``picture``, cut to the height of the terminal."""
        width = self._console.width
        # One column stays free: a line that fills the last one leaves the cursor where erasing would take a letter away.
        options = self._console.options.update(width=max(1, width - 1), height=None)
        lines = self._console.render_lines(picture, options, pad=False)[: max(1, self._console.height - 1)]
        with self._lock:
            if lines == self._lines and width == self._drawn_width:
                return
            self._lines = lines
        self._console.print(self._redraw)

    def clear(self) -> None:
        """Take the lines off the screen."""
        with self._lock:
            self._lines = []
        self._console.print(self._redraw)

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Put what somebody prints above the lines. The console calls this for every print."""
        others = [item for item in renderables if item is not self._redraw]
        with self._lock:
            before = list(self._back_to_start())
            if others:
                # Somebody else's text takes the place of the lines, so that they have to go first.
                before.append(_ERASE_BELOW)
            after = list(self._frame())
            self._drawn = [Segment.get_line_length(line) for line in self._lines]
            self._drawn_width = self._console.width
        return [Segments(before), *others, Segments(after)]

    def _back_to_start(self) -> Iterator[Segment]:
        if not self._drawn:
            return
        # A terminal that became narrower has folded the lines since.
        width = max(1, self._console.width)
        rows = sum(max(1, -(-cells // width)) for cells in self._drawn)
        yield Control(ControlType.CARRIAGE_RETURN).segment
        if rows > 1:
            yield Control((ControlType.CURSOR_UP, rows - 1)).segment

    def _frame(self) -> Iterator[Segment]:
        for number, line in enumerate(self._lines):
            if number:
                yield _NEXT_LINE
            yield from line
            yield _ERASE_REST_OF_LINE
        yield _ERASE_BELOW
