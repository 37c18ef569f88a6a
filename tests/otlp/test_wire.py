from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelkit._otlp.wire import count, text_field, time_ns, utf8, varint
from otelkit.embedded.wire_primitives import read_varint
from tests.otlp.generated import GENEROUSLY


@given(st.integers(0, (1 << 64) - 1) | st.integers(0, 5000))
@GENEROUSLY
def test_a_varint_is_read_back(value: int) -> None:
    """The receiver reads the number that was written, to its last byte."""
    written = varint(value)

    assert read_varint(written, 0) == (value, len(written))


def test_a_count_beyond_32_bits_is_the_greatest() -> None:
    """A count that does not fit its field is written as the largest number that does."""
    assert Span.FromString(count(b"\x50", 1 << 40)).dropped_attributes_count == 0xFFFF_FFFF


def test_no_count_is_nothing() -> None:
    """What readers assume anyway is not written."""
    assert count(b"\x50", 0) == b""


def test_surrogates_become_replacement_characters() -> None:
    """A file name that is no UTF-8 is written with U+FFFD in place of what could not be decoded."""
    assert utf8("a\udcffb\ud800").decode() == "a\ufffdb\ufffd"


def test_a_pair_of_surrogates_becomes_its_character() -> None:
    """Text that some JSON parsers return in two halves is put together."""
    assert utf8("\ufeff\ud83d\ude00").decode() == "\ufeff😀"


def test_text_of_a_hostile_subclass_is_its_text() -> None:
    """A subclass of str that encodes itself wrongly is written as the text that it is."""

    class Hostile(str):
        __slots__ = ()

        def encode(self, *args: object) -> bytes:
            raise RuntimeError("hostile")

    assert utf8(Hostile("text")) == b"text"


def test_what_is_no_text_is_written_as_its_str() -> None:
    """A span that was renamed to a number is called by the number."""
    assert Span.FromString(text_field(b"\x2a", 42)).name == "42"


def test_no_text_is_nothing() -> None:
    """None and the empty text are what readers assume anyway."""
    assert (text_field(b"\x2a", None), text_field(b"\x2a", "")) == (b"", b"")


def test_times_that_cannot_be_written_are_the_nearest() -> None:
    """A clock that stands before 1970, a time with a fraction, and one beyond the protocol's range cost no span."""
    times = [-5, None, 1.5, 1 << 70]

    assert [int.from_bytes(time_ns(time), "little") for time in times] == [0, 0, 1, (1 << 64) - 1]
