"""Attributes as a few bytes: an entry of the dictionary where they repeat, their value in place where they do not.

A packed list of attributes is a row of

* a varint n > 0: the attribute in row n of the table ``attribute``;
* 0, a varint k > 0, a varint size, bytes: the key in row k, and its `AnyValue` message in place;
* 0, 0, a varint size, bytes: a whole `KeyValue` message in place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final

from otelkit.embedded.wire_primitives import read_varint, write_varint
from otelkit.embedded.wire_values import Attribute, parse_key_value

_LOADED: Final = 50_000
_GENERATION: Final = 65_536


class AttributeDictionary:
    """The writer's side: gives out numbers. Its memory is bounded: at most two generations of attributes.

    An attribute that is not remembered gets a second row, which costs space and is otherwise harmless.
    """

    def __init__(self, connection: sqlite3.Connection, hour: int) -> None:
        self._hour = hour
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}
        self._keys: dict[bytes, bytes] = {}
        self._new: list[tuple[int, bytes, int]] = []
        self._seen_again: list[tuple[int, int]] = []
        (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM attribute").fetchone()
        self._next = last + 1
        recent = connection.execute("SELECT id, raw FROM attribute ORDER BY id DESC LIMIT ?", (_LOADED,))
        self._old = {raw: write_varint(number) for number, raw in recent}

    def pack(self, attributes: Iterable[Attribute]) -> bytes:
        """Return attributes that repeat as numbers."""
        young = self._young
        return b"".join([young.get(attribute.raw) or self._number(attribute.raw) for attribute in attributes])

    def pack_inline(self, attributes: Iterable[bytes]) -> bytes:
        """Return attributes that do not repeat, given as `KeyValue` messages, as their values."""
        keys = self._keys
        parts: list[bytes] = []
        for raw in attributes:
            size = len(raw)
            value_at = raw[1] + 4 if size >= 4 else size + 1
            # Nothing but a key and a value of less than 128 bytes each, as every encoder writes them?
            if (
                value_at <= size
                and value_at <= 131
                and raw[0] == 0x0A
                and raw[value_at - 2] == 0x12
                and raw[value_at - 1] == size - value_at < 128
            ):
                key = raw[: value_at - 2]
                parts += (keys.get(key) or self._key(key), raw[value_at - 1 :])
                continue
            parts += (b"\x00\x00", write_varint(size), raw)
        return b"".join(parts)

    def _key(self, raw: bytes) -> bytes:
        prefix = b"\x00" + self._number(raw)
        if len(self._keys) < _GENERATION:
            self._keys[raw] = prefix
        return prefix

    def _number(self, raw: bytes) -> bytes:
        packed = self._young.get(raw)
        if packed is not None:
            return packed
        packed = self._old.pop(raw, None)
        if packed is None:
            number, self._next = self._next, self._next + 1
            self._new.append((number, raw, self._hour))
            packed = write_varint(number)
        else:
            self._seen_again.append((self._hour, read_varint(packed, 0)[0]))
        if len(self._young) >= _GENERATION:
            self._begin_generation()
        self._young[raw] = packed
        return packed

    def _begin_generation(self) -> None:
        self._old, self._young = self._young, {}
        self._keys = {}

    def turn(self, hour: int) -> bool:
        """Begin another hour, so that what is used in it is marked so; False if it is still the same.

        What others remember of `pack` is to be forgotten then.
        """
        if hour == self._hour:
            return False
        self._hour = hour
        self._begin_generation()
        return True

    def write(self, connection: sqlite3.Connection) -> None:
        """Write what is new, and mark what is used for the first time in this hour."""
        if self._new:
            connection.executemany("INSERT INTO attribute VALUES (?, ?, ?)", self._new)
            self._new = []
        if self._seen_again:
            connection.executemany("UPDATE attribute SET used_h = ? WHERE id = ?", self._seen_again)
            self._seen_again = []


class AttributeReader:
    """The reader's side: numbers back to attributes. Remembers a bounded number of them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._raw: dict[int, bytes] = {}

    def messages(self, packed: bytes) -> Iterator[bytes]:
        """Yield the `KeyValue` messages of a packed list."""
        pos = 0
        while pos < len(packed):
            number, pos = read_varint(packed, pos)
            if number:
                yield self._lookup(number)
                continue
            key, pos = read_varint(packed, pos)
            size, pos = read_varint(packed, pos)
            value, pos = packed[pos : pos + size], pos + size
            yield self._lookup(key) + b"\x12" + write_varint(size) + value if key else value

    def values(self, packed: bytes) -> dict[str, Any]:
        """Return a packed list as Python values; of a key given twice the last value."""
        found = {}
        for raw in self.messages(packed):
            key, value = parse_key_value(raw, 0, len(raw))
            found[key] = value
        return found

    def _lookup(self, number: int) -> bytes:
        raw = self._raw.get(number)
        if raw is None:
            row = self._connection.execute("SELECT raw FROM attribute WHERE id = ?", (number,)).fetchone()
            # A missing row can only be damage; the rest of the span is still worth showing.
            raw = row[0] if row else b""
            if len(self._raw) >= _GENERATION:
                self._raw.clear()
            self._raw[number] = raw
        return raw
