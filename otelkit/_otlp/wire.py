"""What protobuf's wire format is made of, written by hand: varints, lengths, fixed-width numbers and text."""

from __future__ import annotations

import struct
from typing import Final

MASK_64: Final = (1 << 64) - 1

_SMALL: Final = (
    *(bytes((value,)) for value in range(0x80)),
    *(bytes((value & 0x7F | 0x80, value >> 7)) for value in range(0x80, 0x800)),
)
_SMALL_END: Final = len(_SMALL)

pack_fixed64: Final = struct.Struct("<Q").pack
"""Little endian; struct.error for what is no integer of 64 unsigned bits."""
pack_double: Final = struct.Struct("<d").pack


def varint(value: int) -> bytes:
    """Return ``value`` (0 to 2^64 − 1) as a varint."""
    if value < _SMALL_END:
        return _SMALL[value]
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(tag: bytes, content: bytes) -> bytes:
    """Return a field of bytes, of text or of a message: its tag, its length, its content."""
    return tag + varint(len(content)) + content


def count(tag: bytes, value: int) -> bytes:
    """Return a ``uint32`` field; nothing for 0, which is what readers take an absent one for."""
    return tag + varint(min(value, 0xFFFF_FFFF)) if value > 0 else b""


def utf8(text: str) -> bytes:
    """Return ``text`` as protobuf wants it. A lone surrogate becomes U+FFFD; a pair of them the character it stands for.

    File names that are no UTF-8 have such surrogates. The stock encoder fails on them, and with it the whole batch.
    """
    try:
        # Not the object's own method: it may be a stranger's subclass.
        return str.encode(text)
    except UnicodeEncodeError:
        return str.encode(text, "utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def text_field(tag: bytes, text: object) -> bytes:
    """Return a text field; nothing for None and for no text. What is no text is written as its ``str``."""
    if not text:
        return b""
    return field(tag, utf8(text if isinstance(text, str) else str(text)))


def time_ns(value: float | None) -> bytes:
    """Return the 8 bytes of a time in Unix nanoseconds.

    None is 0 as in the protocol. A fraction is cut off; before 1970 is 0, and after 2554 the last time that can be written.
    """
    try:
        return pack_fixed64(value)
    except struct.error:
        return pack_fixed64(max(0, min(int(value or 0), MASK_64)))
