"""What a receiver says in the body of its answer: partial success, and when to come again.

Read by hand: the messages have two fields each, and the protobuf classes would cost the user's process megabytes and time.
Sources: opentelemetry-proto ``collector/*/v1/*_service.proto``; googleapis ``google/rpc/{status,error_details}.proto``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_LONGEST_S: Final = 3600.0
"""Longest time that a receiver can make us wait."""


def partial_success(body: bytes) -> tuple[int, str]:
    """Return how many items an ``Export…ServiceResponse`` says were rejected, and why; (0, "") for anything else.

    The responses of the three signals have the same shape.
    """
    rejected, message = 0, ""
    try:
        for number, value in _fields(body):
            if number == 1 and isinstance(value, bytes):
                for inner, found in _fields(value):
                    if inner == 1 and isinstance(found, int):
                        # An int64: what looks enormous is negative, which is nonsense here.
                        rejected = found if found < 1 << 63 else 0
                    elif inner == 2 and isinstance(found, bytes):
                        message = found.decode("utf-8", "replace")
    except ValueError:
        # Not what OTLP defines: some proxies answer "OK". The status has said that the request was taken.
        return 0, ""
    return rejected, message


def status_message(body: bytes) -> str:
    """Return the message of a ``google.rpc.Status``; empty if the bytes are none."""
    try:
        for number, value in _fields(body):
            if number == 2 and isinstance(value, bytes):
                return value.decode("utf-8")
    except ValueError:
        pass
    return ""


def retry_delay_of_status(body: bytes) -> float | None:
    """Return the seconds that the ``RetryInfo`` among a ``google.rpc.Status``'s details says; None without one."""
    try:
        for number, value in _fields(body):
            if number != 3 or not isinstance(value, bytes):
                continue
            packed = dict(_fields(value))
            kind, info = packed.get(1), packed.get(2)
            if isinstance(kind, bytes) and kind.endswith(b"/google.rpc.RetryInfo") and isinstance(info, bytes):
                return retry_delay(info)
    except ValueError:
        pass
    return None


def retry_delay(info: bytes) -> float | None:
    """Return the seconds that a ``google.rpc.RetryInfo`` says, in [0, 3600]; None if it says nothing."""
    try:
        duration = dict(_fields(info)).get(1)
        if not isinstance(duration, bytes):
            return None
        parts = dict(_fields(duration))
    except ValueError:
        return None
    seconds, nanos = parts.get(1, 0), parts.get(2, 0)
    if not isinstance(seconds, int) or not isinstance(nanos, int) or max(seconds, nanos) >= 1 << 63:
        return 0.0
    return bounded(seconds + nanos / 1e9)


def bounded(delay_s: float) -> float:
    """Return a delay as long as a receiver may ask for."""
    return min(max(delay_s, 0.0), _LONGEST_S)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a protobuf message.

    Raises:
        ValueError: The bytes are no message.
    """
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + size > end:
            raise ValueError("cut short")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("no varint")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
