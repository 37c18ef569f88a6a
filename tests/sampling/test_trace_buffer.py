"""What is held of traces that have not ended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelkit.model.traces import FragmentEnd
from otelkit.sampling.tail_fragment import fragment
from otelkit.sampling.tail_state import StateReader
from otelkit.sampling.trace_buffer import TRACE_BYTES, BufferLimits, TraceBuffer
from tests.sampling.tails import EVERYTHING, child, root

pytestmark = pytest.mark.requirement("TRC-17")

LIMITS = BufferLimits(bytes=1 << 20, spans=100, traces=10, age_s=5)


def test_what_is_taken_is_what_was_added_and_is_counted_no_more() -> None:
    """Spans come back in their order; nothing stays on the books."""
    buffer = TraceBuffer(LIMITS)
    spans = [child(1, number) for number in range(2, 5)]
    for span in spans:
        buffer.add(1, span, 500, 0)
    assert (buffer.spans, buffer.traces, buffer.bytes) == (3, 1, 1500 + TRACE_BYTES)

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
    assert (buffer.spans, buffer.traces, buffer.bytes) == (1, 1, 700 + TRACE_BYTES)
    assert buffer.take_below(root(1, 30)) == []
    assert buffer.take_below(root(1, 20)) == [other]
    assert buffer.bytes == 0


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
        assert buffer.bytes == sum(map(sum, held.values())) + TRACE_BYTES * len(held)
