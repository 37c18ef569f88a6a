"""Protobuf's wire format, read by hand: varints, tags, and the fields of one message.

All positions are offsets in the whole request, so that an error can say where it is. A reader may look past the end of a
nested message before it notices; what it read is then thrown away with the request.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from otelkit.errors import WireError

MASK_64: Final = (1 << 64) - 1
MAX_DEPTH: Final = 100
"""Messages within messages, counted as protobuf's own parsers do."""

VARINT: Final = 0
FIXED_64: Final = 1
LENGTH: Final = 2
GROUP: Final = 3
END_GROUP: Final = 4
FIXED_32: Final = 5


def malformed(what: str, offset: int) -> WireError:
    """Return the error for bytes that are no OTLP."""
    return WireError(
        f"the request is malformed at byte {offset}: {what}; expected an OTLP request in protobuf. "
        "Check that the sender's protocol is http/protobuf or grpc and that nothing on the way changes the body.",
        offset=offset,
    )


def read_varint(buf: bytes, pos: int) -> tuple[int, int]:
    """Return the unsigned 64-bit varint at ``pos`` and the position after it. IndexError at the end of ``buf``."""
    value = buf[pos]
    pos += 1
    if value < 0x80:
        return value, pos
    value &= 0x7F
    shift = 7
    while shift < 70:
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & MASK_64, pos
        shift += 7
    raise malformed("a varint of more than 10 bytes", pos)


def read_tag(buf: bytes, pos: int) -> tuple[int, int]:
    """Return the tag (field number * 8 + wire type) at ``pos`` and the position after it."""
    start = pos
    tag, pos = read_varint(buf, pos)
    # No encoder pads tags; refusing padding keeps every field recognisable by its first byte.
    if tag < 8 or tag > 0xFFFF_FFFF or (pos - start > 1 and buf[pos - 1] == 0):
        raise malformed("an impossible field tag", start)
    return tag, pos


def signed(value: int) -> int:
    """Return an unsigned 64-bit varint as the ``int64`` it stands for."""
    return value - (1 << 64) if value >> 63 else value


def signed_32(value: int) -> int:
    """Return a varint as the ``int32`` or enum it stands for: the low 32 bits, as protobuf's parsers take them."""
    value &= 0xFFFF_FFFF
    return value - (1 << 32) if value >> 31 else value


def skip_field(buf: bytes, tag: int, pos: int, end: int, depth: int = 0) -> int:
    """Return the position after the field whose ``tag`` ends at ``pos``; for fields that nobody here knows."""
    wire_type = tag & 7
    if wire_type == VARINT:
        _, pos = read_varint(buf, pos)
    elif wire_type == FIXED_64:
        pos += 8
    elif wire_type == LENGTH:
        size, pos = read_varint(buf, pos)
        pos += size
    elif wire_type == FIXED_32:
        pos += 4
    elif wire_type == GROUP:
        pos = _skip_group(buf, tag >> 3, pos, end, depth + 1)
    else:
        raise malformed(f"a field of wire type {wire_type}", pos)
    if pos > end:
        raise malformed("a field that runs past the end of its message", pos)
    return pos


def _skip_group(buf: bytes, number: int, pos: int, end: int, depth: int) -> int:
    if depth > MAX_DEPTH:
        raise malformed(f"more than {MAX_DEPTH} messages within each other", pos)
    while pos < end:
        tag, pos = read_tag(buf, pos)
        if tag & 7 == END_GROUP:
            if tag >> 3 != number:
                raise malformed("a group that ends as another", pos)
            return pos
        pos = skip_field(buf, tag, pos, end, depth)
    raise malformed("a group without an end", pos)


def fields(buf: bytes, pos: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the fields of the message in ``buf[pos:end]`` in their order as (tag, a, b).

    For varints ``a`` is the value; for everything else the field's content is ``buf[a:b]``. Groups are skipped.
    """
    while pos < end:
        tag, pos = read_tag(buf, pos)
        wire_type = tag & 7
        if wire_type == LENGTH:
            size, pos = read_varint(buf, pos)
            start, pos = pos, pos + size
            if pos > end:
                raise malformed("a field that runs past the end of its message", start)
            yield tag, start, pos
        elif wire_type == VARINT:
            value, pos = read_varint(buf, pos)
            if pos > end:
                raise malformed("a number that runs past the end of its message", pos)
            yield tag, value, pos
        else:
            start, pos = pos, skip_field(buf, tag, pos, end)
            if wire_type != GROUP:
                yield tag, start, pos


def write_varint(value: int) -> bytes:
    """Return ``value`` (not negative) as a varint."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
