"""What is held of traces that have not ended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelkit.model.traces import FragmentEnd
from otelkit.sampling.tail_fragment import fragment
from otelkit.sampling.tail_state import StateReader
from otelkit.sampling.trace_buffer import PARENT_BYTES, TRACE_BYTES, BufferLimits, TraceBuffer
from tests.sampling.tails import EVERYTHING, Made, child, forests, root

pytestmark = pytest.mark.requirement("TRC-17")

LIMITS = BufferLimits(bytes=1 << 20, spans=100, traces=10, age_s=5)


def test_what_is_taken_is_what_was_added_and_is_counted_no_more() -> None:
    """Spans come back in their order; nothing stays on the books."""
    buffer = TraceBuffer(LIMITS)
    spans = [child(1, number) for number in range(2, 5)]
    for span in spans:
        buffer.add(1, span, 500, 0)
    assert (buffer.spans, buffer.traces, buffer.bytes) == (3, 1, 1500 + PARENT_BYTES + TRACE_BYTES)

    assert buffer.take(1) == spans
    assert (buffer.spans, buffer.traces, buffer.bytes) == (0, 0, 0)
    assert buffer.take(1) == []


def test_what_is_below_another_root_stays_with_its_size() -> None:
    """The others of the trace are held on."""
    buffer = TraceBuffer(LIMITS)
    mine, other = child(1, 11, 10), child(1, 21, 20, held_bytes=700)
    buffer.add(1, mine, 500, 0)
    buffer.add(1, other, 700, 0)

    assert buffer.take_below(root(1, 10)) == [mine]
    assert (buffer.spans, buffer.traces, buffer.bytes) == (1, 1, 700 + PARENT_BYTES + TRACE_BYTES)
    assert buffer.take_below(root(1, 30)) == []
    assert buffer.take_below(root(1, 20)) == [other]
    assert buffer.bytes == 0


def test_a_child_that_ended_after_its_parent_belongs_to_it_all_the_same() -> None:
    """A detached task ends late; what is held is found in any order, and comes in the order of the ends."""
    chain = [child(1, number, number - 1, start_unix_ns=number) for number in range(2, 40)]
    for spans in (chain, chain[::-1]):
        buffer = TraceBuffer(LIMITS)
        for span in spans:
            buffer.add(1, span, span.held_bytes, 0)

        assert buffer.take_below(root(1, 500)) == []
        assert buffer.take_below(root(1, 1)) == chain
        assert (buffer.spans, buffer.bytes) == (0, 0)


def test_a_circle_is_below_nothing_and_is_found_by_age() -> None:
    """A stranger's tracer may make anything of ids."""
    buffer = TraceBuffer(LIMITS)
    circle = [child(1, 2, 3), child(1, 3, 2), child(1, 4, 4)]
    for span in circle:
        buffer.add(1, span, 500, 0)

    assert buffer.take_below(root(1, 9)) == []
    assert buffer.take_below(root(1, 4)) == [circle[2]]
    assert len(buffer.take_below(root(1, 3))) == 2
    assert (buffer.spans, buffer.bytes) == (0, 0)


def test_a_root_does_not_look_through_what_is_not_its_own() -> None:
    """Of a trace with many local roots, as below a run, each costs what it has itself: not all that is held of the trace."""
    looked = 0

    class Watched(Made):
        @property
        def span_id(self) -> int:
            nonlocal looked
            looked += 1
            return 7

        @span_id.setter
        def span_id(self, value: int) -> None:
            pass

    buffer = TraceBuffer(LIMITS)
    for _ in range(90):
        buffer.add(1, Watched(1, 7, 5), 500, 0)
    mine = child(1, 11, 10)
    buffer.add(1, mine, 500, 0)

    assert buffer.take_below(root(1, 10)) == [mine]
    assert looked == 0


@given(forests(), st.integers(0, 12))
def test_what_is_below_is_what_its_parents_lead_to(spans: list[Made], top_id: int) -> None:
    """Compared with walking up from each span; the others stay, and are counted on."""
    held = [span for span in spans if span.span_id != top_id]
    by_id = {span.span_id: span for span in held}

    def leads_to_top(span: Made) -> bool:
        while span.parent_id != top_id:
            if span.parent_id not in by_id:
                return False
            span = by_id[span.parent_id]
        return True

    buffer = TraceBuffer(LIMITS)
    for span in held:
        buffer.add(1, span, span.held_bytes, 0)
    mine = [span.span_id for span in held if leads_to_top(span)]
    others = [span.span_id for span in held if not leads_to_top(span)]

    assert sorted(span.span_id for span in buffer.take_below(root(1, top_id))) == sorted(mine)
    assert buffer.spans == len(others)
    assert buffer.bytes >= len(others) * 500 + bool(others) * TRACE_BYTES
    assert sorted(span.span_id for span in buffer.take(1)) == sorted(others)
    assert (buffer.spans, buffer.bytes) == (0, 0)


def test_the_oldest_makes_room_unless_the_newcomer_takes_much_itself() -> None:
    """One giant does not drive out thousands that take little."""
    buffer = TraceBuffer(LIMITS)
    for trace_id in (1, 2, 3):
        buffer.add(trace_id, child(trace_id, 2), 500, 0)
    assert buffer.next_to_go(3) == 1
    for number in range(3, 30):
        buffer.add(3, child(3, number), 500, 0)

    assert buffer.next_to_go(3) == 3
    assert buffer.next_to_go(2) == 1
    assert TraceBuffer(LIMITS).next_to_go(1) is None


def test_a_trace_is_too_old_by_its_first_span() -> None:
    """However many come after it."""
    buffer = TraceBuffer(LIMITS)
    buffer.add(1, child(1, 2), 500, 10)
    buffer.add(2, child(2, 2), 500, 4_000_000_000)
    buffer.add(1, child(1, 3), 500, 4_000_000_000)

    assert buffer.too_old(4_999_999_999) is None
    assert buffer.too_old(5_000_000_010) == 1
    buffer.take(1)
    assert buffer.too_old(8_999_999_999) is None
    assert buffer.too_old(9_000_000_000) == 2


def test_a_fragment_whose_verdict_is_open_is_found_by_its_own_summary() -> None:
    """Two that are summed up alike are not taken for each other."""
    assert EVERYTHING is not None
    states = StateReader(EVERYTHING)
    buffer = TraceBuffer(LIMITS)
    one, other = (fragment([top], top, FragmentEnd.ROOT, states) for top in (root(1), root(1)))
    buffer.hold_open(one)
    buffer.hold_open(other)
    assert one.summary == other.summary
    assert (buffer.spans, buffer.traces, buffer.has_open) == (2, 2, True)

    assert buffer.take_open(other.summary) is other
    assert buffer.take_open(other.summary) is None
    assert buffer.take_all_open() == [one]
    assert (buffer.spans, buffer.traces, buffer.bytes) == (0, 0, 0)


def test_remembered_decisions_take_their_part_of_the_memory() -> None:
    """At most an eighth; what they take is not there for spans."""
    small = BufferLimits(bytes=65_536, spans=50_000, traces=10_000, age_s=30)

    assert 2 <= small.decisions < 50
    assert 65_536 * 7 // 8 <= small.bytes_for_spans < 65_536


@given(st.lists(st.tuples(st.integers(1, 15), st.integers(100, 60_000), st.booleans()), max_size=200))
def test_no_limit_is_ever_exceeded_by_who_asks_first(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever comes and goes, the sums are those of what is held."""
    buffer = TraceBuffer(LIMITS)
    held: dict[int, list[int]] = {}
    for trace_id, size, takes in steps:
        if takes:
            assert len(buffer.take(trace_id)) == len(held.pop(trace_id, []))
        elif buffer.has_room_for(trace_id, size):
            buffer.add(trace_id, child(trace_id, 2, held_bytes=size), size, 0)
            held.setdefault(trace_id, []).append(size)
        assert not buffer.is_over
        assert buffer.spans == sum(map(len, held.values()))
        assert buffer.bytes == sum(map(sum, held.values())) + (TRACE_BYTES + PARENT_BYTES) * len(held)
