"""Spooled requests as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelkit.delivery.segment import OVERHEAD, Segment, SegmentError, head, parse

pytestmark = pytest.mark.sdk

SIGNALS = st.sampled_from(["traces", "metrics", "logs"])


@given(SIGNALS, st.integers(0, 2**32 - 1), st.binary(max_size=200))
def test_what_is_written_is_read_back(signal: str, count: int, body: bytes) -> None:
    """Whatever the signal, the count and the body."""
    data = head(signal, count, body) + body  # type: ignore[arg-type] # one of the three

    assert len(data) == OVERHEAD + len(body)
    assert parse(data) == Segment(signal, count, body)  # type: ignore[arg-type] # see above


@given(st.binary(max_size=60), st.data())
def test_no_single_changed_byte_goes_unnoticed(body: bytes, data: st.DataObject) -> None:
    """Header or body: a segment that was changed is refused."""
    whole = bytearray(head("traces", 7, body) + body)
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SegmentError):
        parse(bytes(whole))


@given(st.binary(min_size=1, max_size=60), st.data())
def test_no_shortened_segment_is_taken_for_a_whole_one(body: bytes, data: st.DataObject) -> None:
    """Cut anywhere, or with something added, it is refused."""
    whole = head("logs", 7, body) + body
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(SegmentError):
        parse(whole[:cut])
    with pytest.raises(SegmentError):
        parse(whole + b"x")


def test_a_newer_format_is_named() -> None:
    """The message says which format there is and which is known."""
    data = bytearray(head("traces", 1, b"x") + b"x")
    data[4] = 9

    with pytest.raises(SegmentError, match="format 9; this otelkit knows format 1"):
        parse(bytes(data))
