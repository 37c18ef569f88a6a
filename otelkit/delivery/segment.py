"""One spooled request as bytes: a checked header, then the OTLP body."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final, get_args

from otelkit.model.signals import Signal

MAGIC: Final = b"OTKS"
VERSION: Final = 1

_SIGNALS: Final[tuple[Signal, ...]] = get_args(Signal)
_HEADER: Final = struct.Struct(">4sBBxxIQ")
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


def head(signal: Signal, count: int, body: bytes) -> bytes:
    """Return what stands before ``body`` in the file: magic, version, signal, count, length and the CRC-32 of it all."""
    header = _HEADER.pack(MAGIC, VERSION, _SIGNALS.index(signal), count, len(body))
    return header + _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(header)))


def parse(data: bytes) -> Segment:
    """Return the segment that ``data`` is.

    Raises:
        SegmentError: It is cut short, was changed, or was written by a newer otelkit.
    """
    if len(data) < OVERHEAD:
        raise SegmentError(f"has {len(data)} bytes; a segment has at least {OVERHEAD}")
    magic, version, signal, count, length = _HEADER.unpack_from(data)
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
    return Segment(_SIGNALS[signal], count, body)
