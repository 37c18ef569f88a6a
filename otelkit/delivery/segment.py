"""One spooled request as bytes: a checked header, then the OTLP body."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final, get_args

from otelkit.model.signals import Signal

MAGIC: Final = b"OTKS"
VERSION: Final = 1
ANYWHERE: Final = 0
"""The destination of what may be sent to any receiver, or was written before destinations were told apart."""

_SIGNALS: Final[tuple[Signal, ...]] = get_args(Signal)
_HEADER: Final = struct.Struct(">4sBBHIQ")
_CHECKSUM: Final = struct.Struct(">I")
OVERHEAD: Final = _HEADER.size + _CHECKSUM.size
"""Bytes that a segment is larger than its body."""


class SegmentError(ValueError):
    """The bytes are no whole segment; the message says why."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What a segment says."""

    signal: Signal
    count: int
    """Spans, points or records in the body."""
    body: bytes
    """An OTLP export request, protobuf."""
    destination: int = ANYWHERE
    """Where it was to be sent (`destination`)."""


def destination(endpoint: str | None) -> int:
    """Return what tells one endpoint from others in 16 bits, `ANYWHERE` if it is unknown.

    One in 65,000 pairs of endpoints can't be told apart: it keeps what was meant for one from being sent to the other by
    mistake, not against somebody who wants that.
    """
    return (zlib.crc32(endpoint.encode("utf-8", "replace")) & 0xFFFF or 1) if endpoint else ANYWHERE


def head(signal: Signal, count: int, body: bytes, destination: int = ANYWHERE) -> bytes:
    """Return what stands before ``body`` in the file: what a `Segment` says, and the CRC-32 of it all."""
    header = _HEADER.pack(MAGIC, VERSION, _SIGNALS.index(signal), destination, count, len(body))
    return header + _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(header)))


def parse(data: bytes) -> Segment:
    """Return the segment that ``data`` is.

    Raises:
        SegmentError: It is cut short, was changed, or was written by a newer otelkit.
    """
    if len(data) < OVERHEAD:
        raise SegmentError(f"has {len(data)} bytes; a segment has at least {OVERHEAD}")
    magic, version, signal, destination, count, length = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise SegmentError("does not start as a segment does")
    if version != VERSION:
        raise SegmentError(f"has format {version}; this otelkit knows format {VERSION}")
    body = data[OVERHEAD:]
    if len(body) != length:
        raise SegmentError(f"has {len(body)} bytes of {length}; its writer was stopped, or the disk lost them")
    (checksum,) = _CHECKSUM.unpack_from(data, _HEADER.size)
    if checksum != zlib.crc32(body, zlib.crc32(data[: _HEADER.size])):
        raise SegmentError("does not match its checksum")
    if signal >= len(_SIGNALS):
        raise SegmentError(f"names signal {signal}, which there is not")
    return Segment(_SIGNALS[signal], count, body, destination)


def peek(data: bytes) -> tuple[Signal, int] | None:
    """Return signal and destination that the start of a segment says, unchecked; None if it does not say them."""
    if len(data) < OVERHEAD:
        return None
    magic, version, signal, destination, _, _ = _HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION or signal >= len(_SIGNALS):
        return None
    return _SIGNALS[signal], destination
