"""Attributes and values of OTLP, parsed once and remembered.

The attributes of a pipeline's spans repeat from span to span, byte for byte, so a `KeyValue` is looked up by its bytes
before it is parsed. Keys whose values do not repeat are found out and no longer remembered.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from otelkit import names
from otelkit.embedded.wire_primitives import MAX_DEPTH, fields, malformed, read_varint, signed

_F64: Final = struct.Struct("<d")

MARKED: Final = frozenset(
    {
        names.PIPELINE_NAME,
        names.PIPELINE_RUN_ID,
        names.PIPELINE_RUN_NAME,
        names.STAGE_NAME,
        names.STAGE_OUTCOME,
        names.ITEM_ID,
        names.ITEMS_OK,
        names.ITEMS_FAILED,
        names.ITEMS_SKIPPED,
        names.STAGE_WAIT_S,
        names.STAGE_BLOCKED_S,
        names.STAGE_ELAPSED_S,
        names.RUN_TOTAL,
        names.ERROR_TYPE,
    }
)
"""Keys of which the store makes more than an attribute."""

# An attribute sits five messages deep: request, resource, scope, span, event.
_ATTRIBUTE_DEPTH: Final = 6


class Key:
    """What is known of one attribute key."""

    __slots__ = ("inline", "kept", "marked", "misses", "name", "since")

    def __init__(self, name: str) -> None:
        self.name = name
        self.marked = name in MARKED
        self.inline = False
        """Its values do not repeat: they are neither remembered nor put in a dictionary."""
        self.kept = 0
        """Values remembered so far."""
        self.misses = 0
        """Values not seen before, in this window."""
        self.since = 0
        """Where this window began, in items seen by the memo."""


class Attribute:
    """One key and value that repeat: the same object wherever the same bytes occur."""

    __slots__ = ("key", "raw", "value")

    def __init__(self, key: Key, value: Any, raw: bytes) -> None:
        self.key = key
        self.value = value
        """str, bool, int, float, bytes, list, dict, or None for an empty value."""
        self.raw = raw
        """The `KeyValue` message."""


Mark = tuple[str, Any]
"""Key and value of a marked attribute that does not repeat."""


class AttributeMemo:
    """Attributes by their bytes, with a guard against keys whose values do not repeat.

    A key goes inline when, over a window of at least `WINDOW` items (spans or records), more than `MISSES_PER_ITEM` of its
    values per item were new, or when `VALUES_PER_KEY` of its values are remembered.
    The memory it takes is bounded: at most two generations of `GENERATION` attributes of at most `LONGEST` bytes.
    """

    WINDOW: Final = 2_000
    MISSES_PER_ITEM: Final = 0.3
    VALUES_PER_KEY: Final = 10_000
    GENERATION: Final = 32_768
    LONGEST: Final = 512

    def __init__(self) -> None:
        self.young: dict[bytes, Attribute] = {}
        self.items = 0
        """Items seen; the caller counts them."""
        self._old: dict[bytes, Attribute] = {}
        self._keys: dict[bytes, Key] = {}

    def learn(self, raw: bytes, buf: bytes, pos: int) -> Attribute | Mark | None:
        """Take in ``raw``, the `KeyValue` message at ``buf[pos:]`` that ``young`` did not hold.

        Returns:
            The attribute, if it may repeat. If not, no object is made of it: key and value if the key is marked, else None.

        Raises:
            WireError: It is malformed.
        """
        parsed = self._parse_plain(raw)
        if parsed is None or not parsed[0].inline:
            # ``young`` may have been replaced since the caller took hold of it.
            known = self.young.get(raw) or self._old.pop(raw, None)
            if known is not None:
                self._remember(raw, known)
                return known
            parsed = parsed or self._parse(buf, pos, pos + len(raw))
        key, value = parsed
        if not key.inline and len(raw) <= self.LONGEST:
            self._judge(key)
            if not key.inline:
                key.kept += 1
                attribute = Attribute(key, value, raw)
                self._remember(raw, attribute)
                return attribute
        return (key.name, value) if key.marked else None

    def _remember(self, raw: bytes, attribute: Attribute) -> None:
        if len(self.young) >= self.GENERATION:
            self._old, self.young = self.young, {}
        self.young[raw] = attribute

    def _judge(self, key: Key) -> None:
        key.misses += 1
        window = self.items - key.since
        if key.kept >= self.VALUES_PER_KEY:
            key.inline = True
        elif window >= self.WINDOW:
            key.inline = key.misses > self.MISSES_PER_ITEM * window
            key.misses, key.since = 0, self.items

    def _new_key(self, raw: bytes) -> Key:
        key = Key(raw.decode())
        key.since = self.items
        if len(self._keys) < self.VALUES_PER_KEY:
            self._keys[raw] = key
        else:
            # So many keys are values in disguise.
            key.inline = True
        return key

    def _parse_plain(self, raw: bytes) -> tuple[Key, Any] | None:
        """Parse the form that every encoder writes: a short key, then one short scalar. None: it has another form."""
        size = len(raw)
        if size < 5 or raw[0] != 0x0A:
            return None
        value_at = raw[1] + 4
        # Both sizes below 128, so that each is one byte; the value's content, with a tag of its own, begins at `value_at`.
        if value_at > 131 or not 2 <= size - value_at < 128:
            return None
        if raw[value_at - 2] != 0x12 or raw[value_at - 1] != size - value_at:
            return None
        case = raw[value_at]
        value: Any
        if case == 0x0A:
            if raw[value_at + 1] != size - value_at - 2:
                return None
            value = raw[value_at + 2 :].decode()
        elif case == 0x18:
            value, stop = read_varint(raw, value_at + 1)
            if stop != size:
                return None
            value = signed(value)
        elif case == 0x21 and size == value_at + 9:
            value = _F64.unpack_from(raw, value_at + 1)[0]
        elif case == 0x10 and size == value_at + 2 and raw[value_at + 1] < 0x80:
            value = bool(raw[value_at + 1])
        else:
            return None
        key_raw = raw[2 : value_at - 2]
        return self._keys.get(key_raw) or self._new_key(key_raw), value

    def _parse(self, buf: bytes, pos: int, end: int) -> tuple[Key, Any]:
        key, value = parse_key_value(buf, pos, end)
        key_raw = key.encode()
        return self._keys.get(key_raw) or self._new_key(key_raw), value


def parse_key_value(buf: bytes, pos: int, end: int, depth: int = _ATTRIBUTE_DEPTH) -> tuple[str, Any]:
    """Return key and value of the `KeyValue` message in ``buf[pos:end]``."""
    key = ""
    value: Any = None
    case = 0
    for tag, start, stop in fields(buf, pos, end):
        if tag == 0x0A:
            key = buf[start:stop].decode()
        elif tag == 0x12:
            value, case = parse_any_value(buf, start, stop, depth + 1, value, case)
    return key, value


def parse_any_value(
    buf: bytes, pos: int, end: int, depth: int = _ATTRIBUTE_DEPTH, value: Any = None, case: int = 0
) -> tuple[Any, int]:
    """Return an `AnyValue` as a Python value, and the field that was set (0: none).

    ``value`` and ``case`` are what an earlier part of the same message said: repeated parts merge, as in protobuf.
    """
    if depth > MAX_DEPTH:
        raise malformed(f"more than {MAX_DEPTH} messages within each other", pos)
    for tag, start, stop in fields(buf, pos, end):
        if tag == 0x0A:
            value, case = buf[start:stop].decode(), 1
        elif tag == 0x10:
            value, case = bool(start), 2
        elif tag == 0x18:
            value, case = signed(start), 3
        elif tag == 0x21:
            value, case = _F64.unpack_from(buf, start)[0], 4
        elif tag == 0x2A:
            if case != 5:
                value, case = [], 5
            _parse_array(buf, start, stop, depth + 1, value)
        elif tag == 0x32:
            if case != 6:
                value, case = {}, 6
            _parse_kvlist(buf, start, stop, depth + 1, value)
        elif tag == 0x3A:
            value, case = buf[start:stop], 7
        elif tag == 0x40:
            # An index into a string table that only profiles have.
            value, case = None, 8
    return value, case


def _parse_array(buf: bytes, pos: int, end: int, depth: int, into: list[Any]) -> None:
    for tag, start, stop in fields(buf, pos, end):
        if tag == 0x0A:
            into.append(parse_any_value(buf, start, stop, depth + 1)[0])


def _parse_kvlist(buf: bytes, pos: int, end: int, depth: int, into: dict[str, Any]) -> None:
    for tag, start, stop in fields(buf, pos, end):
        if tag == 0x0A:
            if depth >= MAX_DEPTH:
                raise malformed(f"more than {MAX_DEPTH} messages within each other", pos)
            key, value = parse_key_value(buf, start, stop, depth + 1)
            into[key] = value
