"""Spooled requests as bytes."""

from __future__ import annotations

import pytest

from otelkit.delivery.segment import ANYWHERE, OVERHEAD, Segment, SegmentError, destination, head, parse, peek
from otelkit.model.signals import Signal

pytestmark = pytest.mark.sdk

BODY = bytes(range(0, 250, 5))


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
@pytest.mark.parametrize("count", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("body", [b"", BODY, bytes(100_000)])
def test_what_is_written_is_read_back(signal: Signal, count: int, body: bytes) -> None:
    """Whatever the signal, the count and the body."""
    data = head(signal, count, body) + body

    assert len(data) == OVERHEAD + len(body)
    assert parse(data) == Segment(signal, count, body)


def test_no_single_changed_bit_goes_unnoticed() -> None:
    """In the header, the checksum or the body: a segment that was changed is refused."""
    whole = head("traces", 7, BODY) + BODY
    for position in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[position] ^= 1 << bit
            with pytest.raises(SegmentError):
                parse(bytes(changed))


def test_no_shortened_or_lengthened_segment_is_taken_for_a_whole_one() -> None:
    """Cut anywhere, or with something added, it is refused."""
    whole = head("logs", 7, BODY) + BODY
    for length in range(len(whole)):
        with pytest.raises(SegmentError):
            parse(whole[:length])
    with pytest.raises(SegmentError):
        parse(whole + b"x")


def test_a_newer_format_is_named() -> None:
    """The message says which format there is and which is known."""
    data = bytearray(head("traces", 1, b"x") + b"x")
    data[4] = 9

    with pytest.raises(SegmentError, match="format 9; this otelkit knows format 1"):
        parse(bytes(data))


def test_where_it_was_to_be_sent_is_read_back() -> None:
    """Also from the start of a file alone, which says nothing about the rest."""
    there = destination("http://collector.example:4318/v1/logs")
    data = head("logs", 3, BODY, there) + BODY

    assert parse(data) == Segment("logs", 3, BODY, there)
    assert peek(data[:OVERHEAD]) == ("logs", there)
    assert parse(head("logs", 3, BODY) + BODY).destination == ANYWHERE


def test_endpoints_are_told_apart() -> None:
    """An unknown one is any; a known one never is."""
    known = {destination(f"http://host-{number}") for number in range(1000)}

    assert destination(None) == destination("") == ANYWHERE
    assert ANYWHERE not in known
    assert len(known) > 950


@pytest.mark.parametrize(
    "data", [b"", b"OTKS", bytes(OVERHEAD), b"OTKS\x02" + bytes(OVERHEAD), b"OTKS\x01\x09" + bytes(OVERHEAD)]
)
def test_what_is_no_start_of_a_segment_says_nothing(data: bytes) -> None:
    """Cut short, foreign, newer, or of a signal that there is not."""
    assert peek(data) is None
