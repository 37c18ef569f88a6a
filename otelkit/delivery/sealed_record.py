"""One record of a sealed file as bytes, and what a whole file says.

A sealed file holds what a process has recorded and not delivered yet. It is only added to: requests that wait to be sent, the
numbers of those that are safe elsewhere, and states, of which the last with the same number counts. Each record has a checksum,
so that a file whose writer was killed while it wrote is good up to there.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, get_args

from otelkit.model.signals import Signal

START: Final = b"OTKJ\x01"
"""What a sealed file begins with: its kind and its format."""

_SIGNALS: Final[tuple[Signal, ...]] = get_args(Signal)
_HEAD: Final = struct.Struct(">BBHQIII")
_UNSUMMED: Final = struct.Struct(">BBHQII")


class Kind(IntEnum):
    """What a record is."""

    REQUEST = 1
    """An export request that waits to be sent."""
    DONE = 2
    """Requests that wait no longer: delivered, spooled or counted as lost."""
    STATE = 3
    """An export request that takes the place of the last one with its number: cumulative metrics."""
    NO_STATE = 4
    """States, by number, that are in another record by now."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A request that a process has left sealed."""

    signal: Signal
    destination: int
    """Where it was to be sent (`segment.destination`)."""
    count: int
    """Spans, points or records in it."""
    body: bytes
    """An OTLP export request, protobuf."""


def record(
    kind: Kind, signal: Signal, number: int, *, count: int = 0, body: bytes = b"", destination: int = 0
) -> bytes:
    """Return what stands before ``body`` in the file."""
    place = _SIGNALS.index(signal)
    checksum = zlib.crc32(body, zlib.crc32(_UNSUMMED.pack(kind, place, destination, number, count, len(body))))
    return _HEAD.pack(kind, place, destination, number, count, len(body), checksum)


def over(kind: Kind, signal: Signal, numbers: Sequence[int]) -> bytes:
    """Return the record, whole, which says that requests (`Kind.DONE`) or states (`Kind.NO_STATE`) are needed no longer."""
    body = struct.pack(f">{len(numbers)}Q", *numbers)
    return record(kind, signal, 0, body=body) + body


def what_is_left(data: bytes) -> list[Sealed]:
    """Return the requests in a sealed file that still wait, in their order, then its states by their numbers.

    What comes after a record that is cut short or was changed is not read; neither is a file of another format.
    """
    return _read(data)[0]


def damage(data: bytes) -> str | None:
    """Return what keeps a sealed file, or the end of one, from being read; None: nothing does.

    That the last record is cut short is no damage: its writer was killed before it had said that anything is safe.
    """
    return _read(data)[1]


def _read(data: bytes) -> tuple[list[Sealed], str | None]:
    if not data.startswith(START):
        return [], "is of another format"
    why = None
    requests: dict[tuple[int, int], Sealed] = {}
    finished: set[tuple[int, int]] = set()
    states: dict[tuple[int, int], Sealed] = {}
    at = len(START)
    while at + _HEAD.size <= len(data):
        kind, place, destination, number, count, length, checksum = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        whole = zlib.crc32(body, zlib.crc32(data[at : at + _UNSUMMED.size]))
        if len(body) < length:
            break
        if whole != checksum or place >= len(_SIGNALS):
            why = "was changed since it was written"
            break
        at += _HEAD.size + length
        if kind == Kind.DONE:
            finished.update((place, each) for each in _numbers(body))
        elif kind == Kind.REQUEST:
            requests[place, number] = Sealed(_SIGNALS[place], destination, count, body)
        elif kind == Kind.STATE:
            states[place, number] = Sealed(_SIGNALS[place], destination, count, body)
        elif kind == Kind.NO_STATE:
            for each in _numbers(body):
                states.pop((place, each), None)
    waiting = [each for key, each in requests.items() if key not in finished]
    return waiting + [state for _, state in sorted(states.items())], why


def _numbers(body: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(body) // 8}Q", body)
