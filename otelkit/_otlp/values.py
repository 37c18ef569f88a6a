"""An attribute's value as OTLP's ``AnyValue``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from otelkit._otlp.wire import MASK_64, field, pack_double, utf8, varint

# Any below: what users and instrumentations put into attributes.
MAX_DEPTH: Final = 24
"""Sequences and mappings within each other. Readers of protobuf stop at 100 messages, and would refuse the whole request:
a mapping within a mapping takes 3 of them, and the attribute of an event lies 7 deep."""

STRING: Final = b"\x0a"
BOOL: Final = b"\x10"
INT: Final = b"\x18"
DOUBLE: Final = b"\x21"
_ARRAY: Final = b"\x2a"
_KEY_VALUE_LIST: Final = b"\x32"
_BYTES: Final = b"\x3a"
_ELEMENT: Final = b"\x0a"
_KEY: Final = b"\x0a"
_VALUE: Final = b"\x12"

INT_MIN: Final = -(1 << 63)
INT_MAX: Final = (1 << 63) - 1


def any_value(value: Any, depth: int = 0) -> bytes:
    """Return the content of the ``AnyValue`` message for ``value``.

    None, bool, str, int, float, bytes, and sequences and mappings of these; as the stock encoder writes them, except for what
    it fails on: an integer of more than 64 bits is written as text, text that is no UTF-8 is repaired (`wire.utf8`).

    Raises:
        TypeError: A value that OTLP has no type for.
        ValueError: Nested more than `MAX_DEPTH` deep.
        Exception: Whatever a stranger's sequence or mapping raises.
    """
    if value is None:
        return b""
    if isinstance(value, bool):
        return BOOL + varint(value)
    if isinstance(value, str):
        return field(STRING, utf8(value))
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, float):
        return DOUBLE + pack_double(value)
    if isinstance(value, bytes):
        return field(_BYTES, value)
    if depth >= MAX_DEPTH:
        raise ValueError(f"an attribute's value is nested more than {MAX_DEPTH} deep")
    if isinstance(value, Sequence):
        return field(_ARRAY, b"".join([field(_ELEMENT, any_value(element, depth + 1)) for element in value]))
    if isinstance(value, Mapping):
        return field(
            _KEY_VALUE_LIST,
            b"".join([field(_ELEMENT, key_value(str(key), each, depth + 1)) for key, each in value.items()]),
        )
    raise TypeError(f"an attribute's value is {type(value).__qualname__}, for which OTLP has no type")


def key_value(key: str, value: Any, depth: int = 0) -> bytes:
    """Return the content of the ``KeyValue`` message; raises as `any_value` does."""
    return field(_KEY, utf8(key)) + field(_VALUE, any_value(value, depth))


def integer(value: int) -> bytes:
    """Return the content of the ``AnyValue`` for an integer: as text if it has more than 64 bits."""
    if INT_MIN <= value <= INT_MAX:
        return INT + varint(value & MASK_64)
    try:
        text = str(int(value))
    except ValueError:
        # The interpreter writes out no more digits than `sys.get_int_max_str_digits`.
        text = f"an integer of {value.bit_length()} bits"
    return field(STRING, text.encode())
