"""The rows of a trace in three columns: the tree of names, durations, and time itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from otelkit import names
from otelkit._cli import figures
from otelkit._cli.fitting import fit, left, printable, right, wrapped
from otelkit._cli.look import ASCII, BAD, BAR, QUIET, STRONG, Signs, line, sayable
from otelkit._cli.span_tree import Node, Tree
from otelkit._cli.time_axis import Axis
from otelkit._cli.trace_rows import Hidden, Moment, Row, Rows

_SIGN: Final = 2
"""Cells of the margin that marks failed spans."""
_TIME: Final = 8
"""Cells of a duration or offset."""
_NAME_LEAST: Final = 14
_NAME_MOST: Final = 44
_AXIS_MOST: Final = 140
_BESIDE_LEAST: Final = 24
"""Cells that a message needs beside its mark; with less it goes below."""
_ITEM_LEAST: Final = 10


class Picture:
    """Lays rows out in three columns: the tree of names, durations, and time itself."""

    def __init__(self, tree: Tree, rows: Rows, width: int, signs: Signs, message_lines: int) -> None:
        self._rows = rows.rows
        self._width = width
        self._signs = signs
        self._message_lines = message_lines
        longest = max((sum(map(cell_len, self._margin(row))) + cell_len(_name(row)) for row in self._rows), default=0)
        self._names = min(max(longest, _NAME_LEAST), _NAME_MOST, max(_NAME_LEAST, width // 3))
        cells = min(_AXIS_MOST, max(10, width - _SIGN - self._names - _TIME - 3))
        self._axis = Axis(tree.start_ns, tree.end_ns, cells)

    def lines(self) -> Iterator[Text]:
        """Yield the time axis, then the rows."""
        yield line((" " * (_SIGN + self._names + _TIME + 3) + self._axis.marks(self._signs), QUIET))
        for row in self._rows:
            if isinstance(row, Node):
                yield self._span(row)
            elif isinstance(row, Moment):
                yield from self._moment(row)
            else:
                yield self._hidden(row)

    def _margin(self, row: Row) -> tuple[str, str]:
        """Return the indent, and the depth as a number where the indent is less than it should be."""
        # Beyond a sixth of the width a level is a number, or a deep chain would push its names out.
        indent = min(2 * row.depth, max(4, self._width // 6))
        return " " * indent, f"{row.depth}:" if 2 * row.depth > indent else ""

    def _label(self, row: Row, text: str, style: str) -> Text:
        indent, deep = self._margin(row)
        room = max(1, self._names - len(indent) - len(deep))
        label = line(indent, (deep, QUIET), (fit(text, room, signs=self._signs), style))
        label.append(" " * (self._names - label.cell_len))
        return label

    def _span(self, node: Node) -> Text:
        span, signs = node.span, self._signs
        style = BAD if node.failed else ""
        label = self._label(node, _name(node), style or (STRONG if node.parent is None else ""))
        took = sayable(figures.aligned_duration(span.duration_ns / 1e9, digits=3), signs)
        text = line((f"{signs.failed} ", BAD) if node.failed else "  ", label, " ", (right(took, _TIME), style), "  ")
        cell, bar = self._axis.bar(span.start_unix_nano, node.end_ns, signs)
        color = BAD if node.failed else BAR if names.STAGE_NAME in span.attributes else QUIET
        before, after = cell - 1, self._axis.cells - cell - cell_len(bar) - 1
        item = self._new_item(node)
        if item and max(before, after) >= min(_ITEM_LEAST, cell_len(item)):
            if after >= min(before, cell_len(item)):
                text.append(" " * cell)
                text.append(bar, color)
                text.append(" " + fit(item, after, keep="end", signs=signs), QUIET)
            else:
                text.append(right(fit(item, before, keep="end", signs=signs), before) + " ", QUIET)
                text.append(bar, color)
            return text
        text.append(" " * cell)
        text.append(bar, color)
        return text

    def _new_item(self, node: Node) -> str:
        """The span's item, unless its parent has the same; the root's is in the heading."""
        item = node.span.attributes.get(names.ITEM_ID)
        if item is None or node.parent is None:
            return ""
        return "" if node.parent.span.attributes.get(names.ITEM_ID) == item else printable(str(item))

    def _moment(self, moment: Moment) -> Iterator[Text]:
        signs = self._signs
        label = self._label(moment, moment.label, moment.style or QUIET)
        offset = sayable("+" + figures.aligned_duration((moment.time_ns - self._axis.start_ns) / 1e9, digits=3), signs)
        head = line("  ", label, " ", (right(offset.replace("+0 s ", "+0   "), _TIME), QUIET), "  ")
        cell = self._axis.cell(moment.time_ns)
        before, after = cell - 1, self._axis.cells - cell - 2
        side = max(before, after)
        if self._goes_below(moment.text, side):
            head.append(" " * cell)
            head.append(signs.point, moment.style or STRONG)
            yield head
            margin = _SIGN + len(self._margin(moment)[0]) + 2
            for text in wrapped(moment.text, self._width - margin, self._message_lines, signs):
                yield line(" " * margin, (text, moment.style))
            return
        texts = wrapped(moment.text, side, self._message_lines, signs) or [""]
        blank = " " * (_SIGN + self._names + _TIME + 3)
        widest = max(cell_len(text) for text in texts)
        for number, text in enumerate(texts):
            row = line(head if number == 0 else blank)
            point = (signs.point if number == 0 else " ", moment.style or STRONG)
            if after >= before:
                row.append_text(line(" " * cell, point, " ", (text, moment.style)))
            else:
                row.append_text(line((" " * (before - widest) + left(text, widest), moment.style), " ", point))
            yield row

    def _goes_below(self, text: str, beside: int) -> bool:
        """Return whether a message has no room beside its mark, or would lose its end there."""
        if beside < min(_BESIDE_LEAST, cell_len(text)):
            return True
        # A message of one line stays one: in a large trace rows are dear.
        most = self._message_lines
        return most > 1 and len(wrapped(text, beside, most + 1)) > most

    def _hidden(self, hidden: Hidden) -> Text:
        signs = self._signs
        label = self._label(hidden, _name(hidden), QUIET)
        failed = f"{figures.count(hidden.failed)} {signs.failed}" if hidden.failed else ""
        first, last = self._axis.cell(hidden.start_ns), self._axis.cell(max(hidden.start_ns, hidden.end_ns - 1))
        stretch = signs.hidden * (last - first + 1)
        times = "x" if signs is ASCII else "×"
        what = ", ".join(f"{printable(name)} {times}{figures.exact(number)}" for name, number in hidden.names[:4])
        what += f" {signs.cut}" if len(hidden.names) > 4 else ""
        text = line("  ", label, " ", (right(failed, _TIME), BAD), "  ")
        inside, after, before = len(stretch) - 4, self._axis.cells - last - 2, first - 1
        if cell_len(what) <= inside:
            stretch = f"{stretch[:1]} {what} ".ljust(len(stretch), signs.hidden)
            text.append(" " * first + stretch, QUIET)
        elif after >= before:
            text.append(" " * first + stretch + " " + fit(what, after, signs=signs), QUIET)
        else:
            text.append(right(fit(what, before, signs=signs), before) + " " + stretch, QUIET)
        return text


def _name(row: Row) -> str:
    if isinstance(row, Node):
        return printable(row.span.name)
    if isinstance(row, Moment):
        return row.label
    return f"{figures.exact(row.spans)} more"
