"""Attributes as the ``KeyValue``s of a message, fast where keys and values repeat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from otelkit._otlp.values import BOOL, DOUBLE, STRING, any_value, integer
from otelkit._otlp.wire import field, pack_double, utf8, varint

# Any below: what users and instrumentations put into attributes.
MAX_KEYS: Final = 256
"""Keys remembered; with one more, all are forgotten."""
MAX_KEY_CHARACTERS: Final = 128
"""Longer keys are not remembered."""
MAX_TEXTS: Final = 32
"""Texts remembered of each key: the first ones. Keys whose values repeat have few."""
MAX_INTEGERS: Final = 64
"""Integers remembered of each key."""
MAX_VALUE_CHARACTERS: Final = 64
"""Longer texts are not remembered."""

_KEY: Final = b"\x0a"
_VALUE: Final = b"\x12"
_SHORT: Final = 128
"""Texts of fewer bytes have the bytes before them remembered, by their length."""


class Key:
    """What is the same in all attributes of one key.

    Args:
        key: The attribute's key.
        tag: Of the repeated field the attribute is written to.
    """

    __slots__ = ("_tag", "_written", "before_double", "false", "integers", "short", "texts", "true")

    def __init__(self, key: str, tag: bytes) -> None:
        self._tag = tag
        self._written = field(_KEY, utf8(key)) + _VALUE
        self.true = self._around(BOOL + varint(True))
        self.false = self._around(BOOL + varint(False))
        self.before_double = self._before(len(DOUBLE) + 8) + DOUBLE
        self.texts: dict[str, bytes] = {}
        self.integers: dict[int, bytes] = {}
        self.short: dict[int, bytes] = {}
        """Length of a text in bytes -> what stands before it."""

    def text(self, value: str) -> bytes:
        """Return the field for a text that is not remembered."""
        try:
            # Not the object's own method: it may be a stranger's subclass.
            content = str.encode(value)
        except UnicodeEncodeError:
            content = utf8(value)
        size = len(content)
        before = self.short.get(size)
        if before is None:
            length = varint(size)
            before = self._before(len(STRING) + len(length) + size) + STRING + length
            if size < _SHORT:
                self.short[size] = before
        return before + content

    def remembered_text(self, value: str) -> bytes:
        """Return the field for a text that was not remembered so far."""
        written = self.text(value)
        if len(value) <= MAX_VALUE_CHARACTERS and len(self.texts) < MAX_TEXTS:
            self.texts[value] = written
        return written

    def remembered_integer(self, value: int) -> bytes:
        """Return the field for an integer of exactly the type `int` that was not remembered so far."""
        content = integer(value)
        written = self._around(content)
        if len(self.integers) < MAX_INTEGERS and len(content) <= MAX_VALUE_CHARACTERS:
            self.integers[value] = written
        return written

    def other(self, value: Any) -> bytes:
        """Return the field for a value of any type; raises as `any_value` does."""
        return self._around(any_value(value))

    def _around(self, content: bytes) -> bytes:
        return self._before(len(content)) + content

    def _before(self, size: int) -> bytes:
        """Return what stands before the content of an ``AnyValue`` of ``size`` bytes."""
        written = self._written + varint(size)
        return self._tag + varint(len(written) + size) + written


class KeyValueWriter:
    """Writes attributes to one repeated field of ``KeyValue``s.

    Several threads may write at once: what is remembered is only ever replaced by the same. As a rule that takes some 10 kB; at
    most 15 MB, measured with `MAX_KEYS` keys of the greatest length and all that can be remembered of each.

    Args:
        tag: Of the repeated field, one byte.
    """

    def __init__(self, tag: bytes) -> None:
        self._tag = tag
        self._keys: dict[str, Key] = {}

    def key(self, key: str) -> Key:
        """Return what is remembered of ``key``. TypeError if that is no text."""
        try:
            return self._keys[key]
        except KeyError:
            pass
        if not isinstance(key, str):
            raise TypeError(f"an attribute's key is {type(key).__qualname__}; expected str")
        # An equal object of exactly this type: a stranger's subclass may change its mind about its hash.
        key = str.__str__(key)
        known = Key(key, self._tag)
        if len(key) <= MAX_KEY_CHARACTERS:
            if len(self._keys) >= MAX_KEYS:
                self._keys = {}
            self._keys[key] = known
        return known

    def fields(self, attributes: Iterable[tuple[str, Any]]) -> tuple[bytes, int]:
        """Return the fields of all attributes, and how many were left out.

        Left out are, as by the stock encoder, those whose key is no text or whose value OTLP has no type for. Never raises for
        what a key or value is.
        """
        written: list[bytes] = []
        left_out = 0
        keys = self._keys
        for key, value in attributes:
            try:
                known = keys.get(key)
                if known is None:
                    known = self.key(key)
                    keys = self._keys
                kind = type(value)
                if kind is str:
                    written.append(known.texts.get(value) or known.remembered_text(value))
                elif kind is int:
                    written.append(known.integers.get(value) or known.remembered_integer(value))
                elif kind is float:
                    written.append(known.before_double + pack_double(value))
                elif kind is bool:
                    written.append(known.true if value else known.false)
                else:
                    written.append(known.other(value))
            except Exception:  # noqa: BLE001 - keys and values are the user's own objects; the others must still leave
                left_out += 1
        return b"".join(written), left_out


def pairs(attributes: Mapping[str, Any] | None) -> Iterable[tuple[str, Any]]:
    """Return keys and values, read in one step: another thread may still be changing the mapping."""
    if not attributes:
        return ()
    try:
        # The SDK's own mapping has it, and through it the proxy that spans show: ten times as fast as reading key by key.
        copied: dict[str, Any] = attributes.copy()  # type: ignore[attr-defined] # most mappings have it, the type does not
    except AttributeError:
        copied = dict(attributes)
    return copied.items()
