"""The answers of an OTLP receiver, as protobuf and as JSON: partial success, and ``google.rpc.Status`` for errors.

Written by hand: the messages have two fields each, and the protobuf classes would cost every receiver ten megabytes.
Sources: opentelemetry-proto ``collector/*/v1/*_service.proto``; googleapis ``google/rpc/status.proto``.
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Final

from otelkit.model.signals import Signal

_REJECTED_KEY: Final[dict[Signal, str]] = {
    "traces": "rejectedSpans",
    "metrics": "rejectedDataPoints",
    "logs": "rejectedLogRecords",
}


class Code(IntEnum):
    """The codes of ``google.rpc.Code`` that we use."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


def export_response(rejected: int, reason: str) -> bytes:
    """Return an ``Export…ServiceResponse``; the three signals' messages have the same bytes.

    Args:
        rejected: Spans, points or records left out; 0 and no reason make the empty message, full success.
        reason: Why, for a person; a reason without rejected ones is a warning.
    """
    if not rejected and not reason:
        return b""
    partial = (b"\x08" + varint(rejected) if rejected else b"") + text_field(2, reason)
    return b"\x0a" + varint(len(partial)) + partial


def export_response_json(signal: Signal, rejected: int, reason: str) -> bytes:
    """Return the same as OTLP/JSON."""
    if not rejected and not reason:
        return b"{}"
    # 64-bit numbers are strings in protobuf's JSON.
    partial = {_REJECTED_KEY[signal]: str(rejected), "errorMessage": reason}
    return json.dumps({"partialSuccess": partial}).encode()


def status(code: Code, message: str) -> bytes:
    """Return a ``google.rpc.Status``."""
    return b"\x08" + varint(code) + text_field(2, message)


def status_json(code: Code, message: str) -> bytes:
    """Return a ``google.rpc.Status`` as JSON."""
    return json.dumps({"code": int(code), "message": message}).encode()


def retry_info(seconds: int) -> bytes:
    """Return a ``google.rpc.RetryInfo`` with a delay of whole seconds."""
    duration = b"\x08" + varint(seconds)
    return b"\x0a" + varint(len(duration)) + duration


def status_with_retry(code: Code, message: str, seconds: int) -> bytes:
    """Return a ``google.rpc.Status`` that carries a ``RetryInfo`` among its details."""
    info = retry_info(seconds)
    packed = text_field(1, "type.googleapis.com/google.rpc.RetryInfo") + b"\x12" + varint(len(info)) + info
    return status(code, message) + b"\x1a" + varint(len(packed)) + packed


def varint(number: int) -> bytes:
    """Return an unsigned protobuf varint."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def text_field(field: int, text: str) -> bytes:
    """Return a length-delimited field with UTF-8 text; nothing if the text is empty."""
    raw = text.encode("utf-8", "replace")
    return bytes([field << 3 | 2]) + varint(len(raw)) + raw if raw else b""
