"""The rows of a waterfall: spans in their order, log lines and events between them at their time, and what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otelkit import names
from otelkit._cli.fitting import printable
from otelkit._cli.look import BAD, LOOK
from otelkit._cli.span_tree import Node, Tree, choose
from otelkit.model.calls import AttributeValue
from otelkit.model.views import EventView, TraceView

EXCEPTION_EVENT: Final = "exception"
_MOMENTS_SHOWN: Final = 40
"""Log lines and events in a trace that is not shown whole."""
_TEXT_MOST: Final = 4000
"""Characters of a message that are looked at."""
_SEVERE: Final = {"FATAL": BAD, "CRITICAL": BAD, "ERROR": BAD, "WARN": LOOK, "WARNING": LOOK}


@dataclass(frozen=True, slots=True)
class Moment:
    """A log line or a span's event."""

    time_ns: int
    label: str
    """Severity, exception type or event name."""
    text: str
    style: str
    depth: int
    kind: str
    """``log`` or ``event``."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Spans below one span that are not shown."""

    depth: int
    names: tuple[tuple[str, int], ...]
    """Name and number, the most frequent first."""
    failed: int
    start_ns: int
    end_ns: int

    @property
    def spans(self) -> int:
        """How many."""
        return sum(number for _, number in self.names)


Row = Node | Moment | Hidden


@dataclass(frozen=True, slots=True)
class Rows:
    """What to draw, and what is not there."""

    rows: tuple[Row, ...]
    hidden_spans: int
    hidden_logs: int
    hidden_events: int


def rows_of(trace: TraceView, tree: Tree, *, everything: bool = False) -> Rows:
    """Return the rows of a trace; of a large one those that matter, see `span_tree.choose`.

    Below each span stand its children and its moments in their order of time. An exception that several spans on its way
    recorded is shown at the innermost. Log lines without a stored span stand at the end.
    """
    kept = choose(tree, everything=everything)
    by_node = _moments(trace, tree)
    all_moments = [moment for moments in by_node.values() for moment in moments]
    shown = _shown_moments(by_node, kept, everything=everything)
    rows: list[Row] = []
    waiting: list[Row] = [*sorted(shown.get(None, ()), key=_time, reverse=True)]
    hidden_roots = _hidden([root for root in tree.roots if id(root) not in kept], kept, 0)
    waiting += [hidden_roots] if hidden_roots is not None else []
    waiting += [root for root in reversed(tree.roots) if id(root) in kept]
    while waiting:
        row = waiting.pop()
        rows.append(row)
        if not isinstance(row, Node):
            continue
        below: list[Row] = [child for child in row.children if id(child) in kept]
        below = sorted([*below, *shown.get(row, ())], key=_time)
        hidden = _hidden([child for child in row.children if id(child) not in kept], kept, row.depth + 1)
        waiting += [hidden] if hidden is not None else []
        waiting += reversed(below)
    drawn = [row for row in rows if isinstance(row, Moment)]
    return Rows(
        tuple(rows),
        len(tree.nodes) - len(kept),
        _of_kind(all_moments, "log") - _of_kind(drawn, "log"),
        _of_kind(all_moments, "event") - _of_kind(drawn, "event"),
    )


def exception_of(attributes: Mapping[str, AttributeValue]) -> tuple[str, str]:
    """Return the type and the message that an ``exception`` event or a log record carries; "" where there is none."""
    return (
        str(attributes.get(names.EXCEPTION_TYPE, "")),
        str(attributes.get(names.EXCEPTION_MESSAGE, ""))[:_TEXT_MOST],
    )


def _moments(trace: TraceView, tree: Tree) -> dict[Node | None, list[Moment]]:
    found: dict[Node | None, list[Moment]] = {}
    carried: dict[int, frozenset[tuple[str, str]]] = {}
    for node in reversed(tree.nodes):  # children before their parents
        below = frozenset().union(*(carried.pop(id(child), frozenset()) for child in node.children))
        own = {exception_of(event.attributes) for event in node.span.events if event.name == EXCEPTION_EVENT}
        carried[id(node)] = below | own if own - below else below
        for event in node.span.events:
            if event.name != EXCEPTION_EVENT or exception_of(event.attributes) not in below:
                found.setdefault(node, []).append(_event(event, node.depth + 1))
    by_id = {node.span.span_id: node for node in reversed(tree.nodes)}
    for log in trace.logs:
        at = by_id.get(log.span_id or "")
        text = printable(log.body[:_TEXT_MOST])
        severity = printable(log.severity) or "LOG"
        moment = Moment(
            log.time_unix_nano, severity, text, _SEVERE.get(severity.upper(), ""), at.depth + 1 if at else 0, "log"
        )
        found.setdefault(at, []).append(moment)
    return found


def _event(event: EventView, depth: int) -> Moment:
    if event.name == EXCEPTION_EVENT:
        kind, message = exception_of(event.attributes)
        label = printable(kind).rpartition(".")[2] or EXCEPTION_EVENT
        return Moment(event.time_unix_nano, label, printable(message), BAD, depth, "event")
    facts = ", ".join(f"{key}={value}" for key, value in event.attributes.items())
    return Moment(event.time_unix_nano, printable(event.name), printable(facts[:_TEXT_MOST]), "", depth, "event")


def _shown_moments(
    by_node: Mapping[Node | None, Sequence[Moment]], kept: set[int], *, everything: bool
) -> Mapping[Node | None, Sequence[Moment]]:
    """Leave out moments of hidden spans, and of too many the harmless ones, the latest first."""
    visible = {node: moments for node, moments in by_node.items() if node is None or id(node) in kept}
    candidates = sorted(
        (moment for moments in visible.values() for moment in moments), key=lambda m: (not m.style, m.time_ns)
    )
    if everything or len(candidates) <= _MOMENTS_SHOWN:
        return visible
    chosen = {id(moment) for moment in candidates[:_MOMENTS_SHOWN]}
    return {node: [moment for moment in moments if id(moment) in chosen] for node, moments in visible.items()}


def _hidden(tops: Sequence[Node], kept: set[int], depth: int) -> Hidden | None:
    """Count the spans that hang below hidden ones, which are hidden too, because what is kept keeps its parents."""
    if not tops:
        return None
    by_name: Counter[str] = Counter()
    failed, start, end = 0, tops[0].span.start_unix_nano, 0
    waiting = list(tops)
    while waiting:
        node = waiting.pop()
        by_name[node.span.name] += 1
        failed += node.failed
        start, end = min(start, node.span.start_unix_nano), max(end, node.end_ns)
        waiting += node.children
    return Hidden(depth, tuple(by_name.most_common()), failed, start, end)


def _time(row: Row) -> int:
    if isinstance(row, Node):
        return row.span.start_unix_nano
    return row.time_ns if isinstance(row, Moment) else row.start_ns


def _of_kind(moments: Iterable[Moment], kind: str) -> int:
    return sum(moment.kind == kind for moment in moments)
