"""Values that any encoder can take, made of whatever a program puts on a log record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MAX_TEXT: Final = 65_536
"""Longest text kept of a body, an attribute or a stack trace, in characters; the middle of longer ones is left out."""
MAX_ENTRIES: Final = 64
"""Most entries kept of a sequence or mapping."""
_MAX_DEPTH: Final = 4
_INT64: Final = range(-(1 << 63), 1 << 63)

Clean = str | bool | int | float | bytes | list[Any] | dict[str, Any] | None  # Any: nested Clean


def clean_text(text: str, limit: int = MAX_TEXT) -> str:
    """Return ``text`` as valid UTF-8 of at most about ``limit`` characters, saying how many were left out."""
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]}… [{len(text) - 2 * half} characters left out] …{text[-half:]}"
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # A file name that is not UTF-8 has lone surrogates; one of them would cost the whole request.
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def clean_value(value: Any, depth: int = 0) -> Clean:  # Any: whatever a program logs
    """Return ``value`` made of texts, numbers, lists and mappings only, of bounded size; other objects by their ``str``.

    The entries of a list are of one type: texts, if they were of several.
    """
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, str):
        return clean_text(str.__str__(value))
    if isinstance(value, int):
        # OTLP's numbers have 64 bits; a greater one would cost the whole request.
        number = int.__int__(value)
        return number if number in _INT64 else clean_text(text_of(number))
    if isinstance(value, bytes):
        return bytes(value[:MAX_TEXT])
    if depth < _MAX_DEPTH:
        if isinstance(value, Mapping):
            return {
                clean_text(text_of(key)): clean_value(entry, depth + 1)
                for key, entry in list(value.items())[:MAX_ENTRIES]
            }
        if isinstance(value, list | tuple):
            return _alike([clean_value(entry, depth + 1) for entry in value[:MAX_ENTRIES]])
        if isinstance(value, set | frozenset):
            return _alike([clean_value(entry, depth + 1) for entry in list(value)[:MAX_ENTRIES]])
    return clean_text(text_of(value))


def _alike(entries: list[Clean]) -> list[Clean]:
    """Return the entries, as texts if they are of several types: SDK 1.44 drops a mixed sequence whole."""
    if len({type(entry) for entry in entries if entry is not None}) <= 1:
        return entries
    return [entry if entry is None else text_of(entry) for entry in entries]


def text_of(value: Any) -> str:  # Any: whatever a program logs
    """Return ``str(value)``, or what it raised."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a stranger's __str__ may raise anything
        return f"<{type(value).__qualname__} whose str() raised {type(error).__name__}>"
