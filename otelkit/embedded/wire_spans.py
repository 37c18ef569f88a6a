"""Spans from OTLP: the hot loop of the receiver.

It handles each field where it stands instead of asking a general parser; every field it does not need by itself (events,
links, trace state …) is checked and handed on as it came, in ``SpanRow``'s ``rest``.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from otelkit.embedded.wire_envelope import MAX_TIME_NS, Batch, Parser
from otelkit.embedded.wire_primitives import (
    fields,
    malformed,
    read_tag,
    read_varint,
    signed_32,
    skip_field,
    write_varint,
)
from otelkit.embedded.wire_values import Attribute, Mark, parse_key_value
from otelkit.embedded.wire_weights import adjusted_count

SpanRow = tuple[
    bytes,  # trace id, 16 bytes
    bytes,  # span id, 8 bytes
    bytes,  # parent span id, 8 bytes; empty: none
    str,  # name
    int,  # kind, as in the protocol
    int,  # start, Unix nanoseconds
    int,  # end, Unix nanoseconds
    int,  # status code: 0 unset, 1 ok, 2 error; others as sent
    int,  # flags
    tuple[Attribute, ...],  # attributes that repeat
    list[bytes],  # attributes that do not, as `KeyValue` messages
    list[Mark],  # what of those is marked
    bytes,  # rest: all other fields as they came
    float,  # how many spans this one stands for, from its tracestate
]

_U64: Final = struct.Struct("<Q")
_U32: Final = struct.Struct("<I")
_TWO_TIMES: Final = struct.Struct("<QxQ")
_REMEMBERED: Final = 16_384
_NAMES_GUESSED: Final = 2_048
_NO_ID_16: Final = bytes(16)
_NO_ID_8: Final = bytes(8)


class _Guess(NamedTuple):
    """The attributes with which a span of some name is likely to begin, because the last ones did."""

    block: bytes = b""
    """The fields as they are written one after the other; empty: nothing to try."""
    attributes: tuple[Attribute, ...] = ()
    misses: int = 0


_NO_GUESS: Final = _Guess()


class SpanParser(Parser):
    """Decodes requests of spans."""

    signal = "traces"

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[bytes, str] = {}
        self._statuses: dict[bytes, tuple[int, bool]] = {}
        self._weights: dict[bytes, float] = {}
        self._guesses: dict[str, _Guess] = {}

    def _read(self, buf: bytes, pos: int, end: int, rows: list[SpanRow], batch: Batch) -> None:
        memo = self._envelope.attributes
        known = memo.young.get
        trace_id = span_id = parent = b""
        name = ""
        kind = start = stop = status = flags = 0
        shared: list[Attribute] = []
        own: list[bytes] = []
        marks: list[Mark] = []
        rest = b""
        status_raw: bytes | None = None
        weight = 1.0
        guess: _Guess | None = None
        lead = -1
        while pos < end:
            field = pos
            tag = buf[pos]
            size = buf[pos + 1]
            if tag == 0x4A:  # attributes
                if guess is None:
                    guess = self._guesses.get(name, _NO_GUESS)
                    block = guess.block
                    if block and buf.startswith(block, pos) and pos + len(block) <= end:
                        shared += guess.attributes
                        pos += len(block)
                        lead = 0
                        continue
                if size < 0x80:
                    pos += 2
                else:
                    size, pos = read_varint(buf, pos + 1)
                raw = buf[pos : pos + size]
                attribute = known(raw)
                if attribute is not None:
                    shared.append(attribute)
                else:
                    if pos + size > end:
                        raise malformed("an attribute that runs past the end of its span", field)
                    learnt = memo.learn(raw, buf, pos)
                    if isinstance(learnt, Attribute):
                        shared.append(learnt)
                    else:
                        if lead < 0:
                            lead = len(shared)
                        own.append(raw)
                        if learnt is not None:
                            marks.append(learnt)
                pos += size
            elif tag == 0x0A and size == 16:
                pos += 18
                trace_id = buf[pos - 16 : pos]
            elif tag == 0x12 and size == 8:
                pos += 10
                span_id = buf[pos - 8 : pos]
            elif tag == 0x22 and size == 8:
                pos += 10
                parent = buf[pos - 8 : pos]
            elif tag == 0x2A and size < 0x80:
                pos += 2 + size
                raw = buf[pos - size : pos]
                name = self._names.get(raw) or self._name(raw)
            elif tag == 0x30 and size < 0x80:
                pos += 2
                kind = size
            elif tag == 0x39:
                if pos + 18 <= end and buf[pos + 9] == 0x41:
                    start, stop = _TWO_TIMES.unpack_from(buf, pos + 1)
                    pos += 18
                else:
                    start = _U64.unpack_from(buf, pos + 1)[0]
                    pos += 9
            elif tag == 0x41:
                stop = _U64.unpack_from(buf, pos + 1)[0]
                pos += 9
            elif tag == 0x7A and size < 0x80:
                pos += 2 + size
                if pos > end:
                    raise malformed("a status that runs past the end of its span", field)
                if not size:
                    continue
                raw = buf[pos - size : pos]
                # Parts of a status given twice merge.
                status_raw = raw if status_raw is None else status_raw + raw
                status, has_more = self._statuses.get(status_raw) or self._status(status_raw)
                if has_more:
                    rest += b"\x7a" + write_varint(len(status_raw)) + status_raw
            elif tag == 0x85 and size == 0x01:
                flags = _U32.unpack_from(buf, pos + 2)[0]
                pos += 6
            else:
                tag, pos = read_tag(buf, pos)
                after = skip_field(buf, tag, pos, end)
                if tag & 7 == 2:
                    size, pos = read_varint(buf, pos)
                raw = buf[pos:after]
                pos = after
                if tag == 0x0A:
                    trace_id = raw
                elif tag == 0x12:
                    span_id = raw
                elif tag == 0x22:
                    parent = raw
                elif tag == 0x2A:
                    name = self._name(raw)
                elif tag == 0x30:
                    kind = signed_32(read_varint(raw, 0)[0])
                elif tag == 0x7A:
                    status_raw = raw if status_raw is None else status_raw + raw
                    status, _ = self._status(status_raw)
                    rest += b"\x7a" + write_varint(len(status_raw)) + status_raw
                else:
                    if tag == 0x1A:
                        weight = self._weight(raw)
                    elif tag == 0x5A:
                        _check_event(buf, after - len(raw), after)
                    elif tag == 0x6A:
                        _check_link(buf, after - len(raw), after)
                    rest += buf[field:pos]
        if pos != end:
            raise malformed("a field that runs past the end of its span", end)
        if lead and guess is not None:
            self._learn(name, guess, shared if lead < 0 else shared[:lead])
        if (
            len(trace_id) != 16
            or len(span_id) != 8
            or trace_id == _NO_ID_16
            or span_id == _NO_ID_8
            or start > MAX_TIME_NS
            or stop > MAX_TIME_NS
            or (parent and len(parent) != 8)
        ):
            batch.reject(_objection(trace_id, span_id, parent))
            return
        rows.append(
            (trace_id, span_id, parent, name, kind, start, stop, status, flags, tuple(shared), own, marks, rest, weight)
        )

    def _learn(self, name: str, guess: _Guess, attributes: list[Attribute]) -> None:
        """Guess these attributes from now on, ever more reluctantly if guesses go wrong."""
        misses = guess.misses + 1
        if misses & (misses - 1) == 0:
            block = b"".join([b"\x4a" + write_varint(len(each.raw)) + each.raw for each in attributes])
            guess = _Guess(block, tuple(attributes), misses)
        else:
            guess = guess._replace(misses=misses)
        if len(self._guesses) >= _NAMES_GUESSED:
            self._guesses.clear()
        # Replaced, never changed: another thread may be using it.
        self._guesses[name] = guess

    def _name(self, raw: bytes) -> str:
        name = raw.decode()
        if len(self._names) >= _REMEMBERED:
            self._names.clear()
        self._names[raw] = name
        return name

    def _status(self, raw: bytes) -> tuple[int, bool]:
        """Return the code, and whether the status says anything else."""
        code, has_more = 0, False
        for tag, start, stop in fields(raw, 0, len(raw)):
            if tag == 0x18:
                code = signed_32(start)
            else:
                has_more = True
                if tag == 0x12:
                    raw[start:stop].decode()
        if len(self._statuses) >= _REMEMBERED:
            self._statuses.clear()
        self._statuses[raw] = found = code, has_more or code not in (0, 1, 2)
        return found

    def _weight(self, raw: bytes) -> float:
        known = self._weights.get(raw)
        if known is None:
            known = adjusted_count(raw.decode())
            if len(self._weights) >= _REMEMBERED:
                self._weights.clear()
            self._weights[raw] = known
        return known


def _objection(trace_id: bytes, span_id: bytes, parent: bytes) -> str:
    """Return why a span can't be stored."""
    if len(trace_id) != 16 or trace_id == _NO_ID_16:
        return "a span without a valid trace_id (16 bytes, not all zero)"
    if len(span_id) != 8 or span_id == _NO_ID_8:
        return "a span without a valid span_id (8 bytes, not all zero)"
    if parent and len(parent) != 8:
        return "a span whose parent_span_id is not 8 bytes"
    return "a span that starts or ends after the year 2262"


def _check_event(buf: bytes, pos: int, end: int) -> None:
    for tag, start, stop in fields(buf, pos, end):
        if tag == 0x12:
            buf[start:stop].decode()
        elif tag == 0x1A:
            parse_key_value(buf, start, stop)


def _check_link(buf: bytes, pos: int, end: int) -> None:
    for tag, start, stop in fields(buf, pos, end):
        if tag == 0x1A:
            buf[start:stop].decode()
        elif tag == 0x22:
            parse_key_value(buf, start, stop)
