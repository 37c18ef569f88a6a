"""The spans of a trace as a tree, whatever is missing, doubled or wound in a circle; and which of many to show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from otelkit.model.views import SpanView, TraceView

_SHOWN_WHOLE: Final = 60
"""Spans up to which a trace is shown whole: about a screen."""
_SHOWN_OF_MORE: Final = 40
_FAILURES_OF_MORE: Final = 12


@dataclass(slots=True, eq=False)
class Node:
    """One span in its place."""

    span: SpanView
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    """By start time."""
    depth: int = 0
    """0 at a root."""
    own_ns: int = 0
    """Duration in which no child was running."""

    @property
    def failed(self) -> bool:
        """Whether the span says so."""
        return self.span.status == "error"

    @property
    def origin(self) -> bool:
        """Whether it failed and no child of it did: where an error came from, as far as spans tell."""
        return self.failed and not any(child.failed for child in self.children)

    @property
    def end_ns(self) -> int:
        """When it ended, in nanoseconds since the epoch."""
        return self.span.start_unix_nano + self.span.duration_ns


@dataclass(frozen=True, slots=True)
class Tree:
    """A trace as a tree."""

    roots: tuple[Node, ...]
    """By start time. More than one if parents are not stored."""
    nodes: tuple[Node, ...]
    """All, each after its parent."""
    start_ns: int
    end_ns: int
    """The last end of a span, or log line."""

    @property
    def missing_parents(self) -> int:
        """How many roots name a parent that is not stored (yet), or in another place."""
        return sum(bool(root.span.parent_span_id) for root in self.roots)

    @property
    def slowest(self) -> Node | None:
        """The span that spent the most time itself, waiting for no child."""
        return max(self.nodes, key=lambda node: node.own_ns, default=None)


def grow(trace: TraceView) -> Tree:
    """Return the tree of a trace.

    A span whose parent is not stored is a root. So is one span of each circle of parents, and the second of two spans with
    one id keeps its place but never gets children.
    """
    nodes = [Node(span) for span in trace.spans]
    by_id: dict[str, Node] = {}
    for node in nodes:
        by_id.setdefault(node.span.span_id, node)
    roots: list[Node] = []
    for node in nodes:
        parent = by_id.get(node.span.parent_span_id or "")
        if parent is None or parent is node:
            roots.append(node)
        else:
            node.parent = parent
            parent.children.append(node)
    ordered = _ordered(roots)
    if len(ordered) < len(nodes):
        placed = {id(node) for node in ordered}
        for node in nodes:
            if id(node) not in placed:
                _cut_loose(node)
                roots.append(node)
                placed.update(id(below) for below in _ordered([node]))
        ordered = _ordered(roots)
    for node in ordered:
        node.own_ns = _own_ns(node)
    times = [span.start_unix_nano for span in trace.spans] + [log.time_unix_nano for log in trace.logs]
    ends = [node.end_ns for node in nodes] + [log.time_unix_nano for log in trace.logs]
    return Tree(tuple(sorted(roots, key=_start)), tuple(ordered), min(times, default=0), max(ends, default=0))


def choose(tree: Tree, *, everything: bool = False) -> set[int]:
    """Return the ``id()`` of each node to show.

    All of up to 60 spans. Of more, about 40: the roots, where errors came from, then the longest, each with the spans
    above it, so that the picture stays a tree.
    """
    if everything or len(tree.nodes) <= _SHOWN_WHOLE:
        return {id(node) for node in tree.nodes}
    by_length = sorted(tree.nodes, key=lambda node: -node.span.duration_ns)
    roots = [node for node in by_length if node.parent is None]
    failures = [node for node in tree.nodes if node.origin]
    kept: set[int] = set()
    _keep(roots[: _SHOWN_OF_MORE // 2], kept)
    _keep(failures[:_FAILURES_OF_MORE], kept)
    _keep(by_length, kept)
    for node in tree.nodes:
        hidden = [child for child in node.children if id(child) not in kept]
        if id(node) in kept and len(hidden) == 1 and not hidden[0].children:
            # A row saying that one is left out is no shorter than the one.
            kept.add(id(hidden[0]))
    return kept


def _keep(nodes: Iterable[Node], kept: set[int]) -> None:
    for node in nodes:
        if len(kept) >= _SHOWN_OF_MORE:
            return
        line: list[int] = []
        above: Node | None = node
        while above is not None and id(above) not in kept and len(kept) + len(line) <= _SHOWN_OF_MORE:
            line.append(id(above))
            above = above.parent
        if len(kept) + len(line) <= _SHOWN_OF_MORE:
            kept.update(line)


def _start(node: Node) -> int:
    return node.span.start_unix_nano


def _ordered(roots: Sequence[Node]) -> list[Node]:
    """Return all nodes below the roots, depth first, and set their depths. Not recursive: a chain may be 10,000 deep."""
    ordered: list[Node] = []
    waiting = sorted(roots, key=_start, reverse=True)
    while waiting:
        node = waiting.pop()
        node.depth = node.parent.depth + 1 if node.parent is not None else 0
        node.children.sort(key=_start)
        ordered.append(node)
        waiting.extend(reversed(node.children))
    return ordered


def _cut_loose(node: Node) -> None:
    if node.parent is not None:
        node.parent.children.remove(node)
        node.parent = None


def _own_ns(node: Node) -> int:
    """Subtract the union of the children's times, which may overlap each other and reach beyond their parent."""
    begin, end = _start(node), node.end_ns
    covered = 0
    for child in node.children:
        first, last = max(begin, _start(child)), min(end, child.end_ns)
        if last > first:
            covered += last - first
            begin = last
    return max(0, node.span.duration_ns - covered)
