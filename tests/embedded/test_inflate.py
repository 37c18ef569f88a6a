"""Decompression within a limit."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelkit.embedded.inflate import DamagedError, EndsEarlyError, InflatedBody, PlainBody, TooLargeError


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


def chunks(data: bytes, size: int) -> Iterable[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@given(
    data=st.binary(max_size=2000),
    size=st.integers(1, 500),
    form=st.sampled_from([("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)]),
)
def test_any_body_survives_in_any_chunks(data: bytes, size: int, form: tuple[str, object]) -> None:
    """What was compressed comes out again, however the network cuts it, and growth adds up to its size."""
    encoding, compress = form
    body = InflatedBody(encoding, 2000)
    grown = sum(body.feed(chunk) for chunk in chunks(compress(data), size))  # type: ignore[operator] # a function of bytes

    assert (body.finish(), grown) == (data, len(data))


@pytest.mark.parametrize("step", [1, 7, 65536])
def test_a_large_body_comes_out_whole(step: int) -> None:
    """Also one whose last step of output is exactly full."""
    data = os.urandom(1000) * 1049 + b"\0" * (256 * 1024 * 4 - 1049000)
    body = InflatedBody("gzip", len(data))
    for chunk in chunks(gzip.compress(data), step):
        body.feed(chunk)

    assert body.finish() == data


def test_a_bomb_is_stopped_at_the_limit() -> None:
    """A gigabyte of zeros in a megabyte of gzip costs no more than the limit."""
    stream = zlib.compressobj(9, wbits=31)
    bomb = b"".join(stream.compress(b"\0" * (1 << 20)) for _ in range(1024)) + stream.flush()
    body = InflatedBody("gzip", 1_000_000)

    with pytest.raises(TooLargeError):
        body.feed(bomb)
    assert len(body._out) == 1_000_001


def test_a_bomb_of_many_members_is_stopped_too() -> None:
    """The limit is on all members together."""
    body = InflatedBody("gzip", 1000)

    with pytest.raises(TooLargeError):
        body.feed(gzip.compress(b"\0" * 600) * 2)


def test_exactly_the_limit_is_allowed() -> None:
    """The limit itself is not too large."""
    body = InflatedBody("gzip", 1000)
    body.feed(gzip.compress(b"x" * 1000))

    assert body.finish() == b"x" * 1000


def test_members_follow_each_other_and_padding_is_ignored() -> None:
    """As gzip itself does it."""
    body = InflatedBody("gzip", 1000)
    body.feed(gzip.compress(b"one ") + gzip.compress(b"two") + b"\0\0\0")

    assert body.finish() == b"one two"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("keep", [0, 1, 5, -1])
def test_a_stream_that_ends_early_is_named_so(encoding: str, keep: int) -> None:
    """Truncation is told apart from damage."""
    whole = gzip.compress(b"x" * 100) if encoding == "gzip" else zlib.compress(b"x" * 100)
    body = InflatedBody(encoding, 1000)
    body.feed(whole[:keep])

    with pytest.raises(EndsEarlyError, match="ends early"):
        body.finish()


def test_a_second_member_that_ends_early_is_seen() -> None:
    """A whole first member does not excuse it."""
    body = InflatedBody("gzip", 1000)
    body.feed(gzip.compress(b"one") + gzip.compress(b"two")[:8])

    with pytest.raises(EndsEarlyError):
        body.finish()


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(b"x" * 100)[:-8] + b"\0" * 8),
        ("gzip", gzip.compress(b"one") + b"garbage"),
        ("deflate", zlib.compress(b"one") + b"garbage"),
        ("deflate", b"\xff\xff\xff\xff"),
    ],
    ids=["not gzip", "wrong checksum", "garbage behind gzip", "garbage behind deflate", "not deflate"],
)
def test_damage_is_an_error(encoding: str, data: bytes) -> None:
    """Nothing of a damaged body is used."""
    body = InflatedBody(encoding, 1000)

    with pytest.raises(DamagedError):
        body.feed(data)


def test_a_plain_body_has_the_same_limit() -> None:
    """Without compression too."""
    body = PlainBody(10)
    body.feed(b"12345")
    body.feed(b"67890")

    assert body.finish() == b"1234567890"
    with pytest.raises(TooLargeError):
        body.feed(b"!")
