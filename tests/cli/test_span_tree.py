"""Whatever spans are stored make a tree, and of many the telling ones are shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otelkit._cli.span_tree import choose, grow
from otelkit.model.views import SpanView, TraceView
from tests.cli.view_samples import failing_trace, large_trace, log, span


def _trace(*spans: SpanView) -> TraceView:
    return TraceView("1" * 32, spans, ())


def test_children_hang_below_their_parents_by_time() -> None:
    """Order of storage does not count."""
    tree = grow(_trace(span("c", "a", "late", 5), span("b", "a", "early", 1), span("a", None, "root", 0, 9)))

    assert [(node.span.name, node.depth) for node in tree.nodes] == [("root", 0), ("early", 1), ("late", 1)]


def test_a_span_without_its_parent_is_a_root() -> None:
    """A run that goes on has no root span yet; its parts are shown all the same, and counted."""
    tree = grow(_trace(span("b", "a", "first"), span("c", "a", "second"), span("d", None, "third")))

    assert [root.span.name for root in tree.roots] == ["first", "second", "third"]
    assert tree.missing_parents == 2


def test_circles_of_parents_are_cut() -> None:
    """Broken senders can make spans each other's parents; each is still shown once."""
    tree = grow(_trace(span("a", "b", "one"), span("b", "a", "two", 1), span("c", "c", "own parent")))

    assert [node.span.name for node in tree.nodes] == ["one", "two", "own parent"]


def test_two_spans_with_one_id_are_both_shown() -> None:
    """A sender that repeats itself is seen doing so."""
    tree = grow(
        _trace(span("a", None, "root"), span("b", "a", "same", 1), span("b", "a", "same", 1), span("c", "b", "x"))
    )

    assert [node.span.name for node in tree.nodes] == ["root", "same", "x", "same"]


def test_own_time_leaves_out_children_that_overlap() -> None:
    """Two children at once are subtracted once, and only as far as they lie inside."""
    tree = grow(
        _trace(
            span("a", None, "root", 0, 10),
            span("b", "a", "x", 2, 4),
            span("c", "a", "y", 4, 4),
            span("d", "a", "z", 9, 9),
        )
    )

    assert tree.nodes[0].own_ns == 3_000_000
    assert (tree.slowest.span.name if tree.slowest else None) == "z"


def test_an_error_comes_from_the_innermost_failing_span() -> None:
    """Spans that failed because a child did are not causes."""
    tree = grow(failing_trace())

    assert [node.span.name for node in tree.nodes if node.origin] == ["parse"]


def test_time_covers_log_lines_after_the_last_span() -> None:
    """A late log line is inside the picture."""
    spans = (span("a", None, "root", 1, 2),)
    tree = grow(TraceView("1" * 32, spans, (log(0, None, "early"), log(9, None, "late"))))

    assert tree.end_ns - tree.start_ns == 9_000_000


def test_an_empty_trace_is_no_error() -> None:
    """Only log lines, or nothing."""
    assert (grow(_trace()).nodes, grow(_trace()).slowest) == ((), None)


def test_a_trace_of_a_screen_is_shown_whole() -> None:
    """Sixty spans fit; nothing is left out."""
    tree = grow(large_trace(files=29))

    assert len(choose(tree)) == 59


def test_of_a_large_trace_failures_and_the_longest_are_shown() -> None:
    """About forty of 10,001 spans: the root, where errors came from, the longest; each with all spans above it."""
    tree = grow(large_trace())
    kept = choose(tree)
    shown = [node for node in tree.nodes if id(node) in kept]

    assert 30 <= len(shown) <= 80
    assert all(node.parent is None or id(node.parent) in kept for node in shown)
    assert all(id(node) in kept for node in tree.nodes if node.origin)
    assert shown[0].parent is None
    longest = sorted((node.span.duration_ns for node in tree.nodes[1:]), reverse=True)[:5]
    assert set(longest) <= {node.span.duration_ns for node in shown}


def test_everything_means_everything() -> None:
    """`--all` leaves nothing out."""
    tree = grow(large_trace(files=100))

    assert len(choose(tree, everything=True)) == 201


def test_a_chain_of_ten_thousand_is_laid_out() -> None:
    """Deep nesting is bounded by memory, not by Python's recursion limit."""
    spans = [span("0", None, "s0", 0, 20_000)]
    spans += [span(f"{n:016x}", "0" if n == 1 else f"{n - 1:016x}", f"s{n}", n, 20_000 - n) for n in range(1, 10_000)]
    tree = grow(_trace(*spans))

    assert tree.nodes[-1].depth == 9_999
    assert 0 < len(choose(tree)) <= 41


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(-1, 12), st.integers(0, 50), st.integers(0, 50)), max_size=90)
)
def test_any_spans_make_a_tree(facts: list[tuple[int, int, int, int]]) -> None:
    """Each span is there once, after its parent, whatever ids and parents say."""
    spans = [span(f"{a:x}", None if b < 0 else f"{b:x}", f"n{a}", c, d) for a, b, c, d in facts]
    tree = grow(_trace(*spans))
    places = {id(node): place for place, node in enumerate(tree.nodes)}

    assert len(spans) == len(tree.nodes) == len(places)
    assert all(node.parent is None or places[id(node.parent)] < places[id(node)] for node in tree.nodes)
    assert all(0 <= node.own_ns <= node.span.duration_ns for node in tree.nodes)
    kept = choose(tree)
    assert all(node.parent is None or id(node.parent) in kept for node in tree.nodes if id(node) in kept)
