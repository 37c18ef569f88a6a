"""Metric points from OTLP."""

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
from otelkit.embedded.wire_values import parse_key_value


class Metric(NamedTuple):
    """What all points of a metric share."""

    name: str
    description: str
    unit: str
    data: int
    """The field of `Metric` that holds the points: 5 gauge, 7 sum, 9 histogram, 10 exponential histogram, 11 summary."""
    temporality: int
    """0 unspecified, 1 delta, 2 cumulative."""
    monotonic: bool
    metadata: bytes
    """`metadata` fields as they came."""


PointRow = tuple[
    Metric,
    bytes,  # attributes, one `KeyValue` field after the other, sorted: identifies the series within the metric
    int,  # time, Unix nanoseconds
    int | float | None,  # value of a number, count of anything else
    bytes,  # rest: all fields but attributes, time and value of a number, as they came
]

GAUGE: Final = 5
SUM: Final = 7
_DATA_TAGS: Final = {0x2A: 5, 0x3A: 7, 0x4A: 9, 0x52: 10, 0x5A: 11}
_ATTRIBUTES_TAG: Final = {5: 0x3A, 7: 0x3A, 9: 0x4A, 10: 0x0A, 11: 0x3A}
_EXEMPLARS_TAG: Final = {5: 0x2A, 7: 0x2A, 9: 0x42, 10: 0x5A}
_U64: Final = struct.Struct("<Q")
_I64: Final = struct.Struct("<q")
_F64: Final = struct.Struct("<d")


class MetricParser(Parser):
    """Decodes requests of metrics. A point is one data point of any kind."""

    signal = "metrics"

    def _read(self, buf: bytes, pos: int, end: int, rows: list[PointRow], batch: Batch) -> None:
        name = description = unit = ""
        data = 0
        metadata = b""
        bodies: list[tuple[int, int]] = []
        discarded: list[tuple[int, int, int]] = []
        for tag, start, stop in fields(buf, pos, end):
            if tag == 0x0A:
                name = buf[start:stop].decode()
            elif tag == 0x12:
                description = buf[start:stop].decode()
            elif tag == 0x1A:
                unit = buf[start:stop].decode()
            elif tag in _DATA_TAGS:
                if data != _DATA_TAGS[tag]:
                    # The last kind wins; what it replaces is checked all the same.
                    discarded += [(data, *body) for body in bodies]
                    data, bodies = _DATA_TAGS[tag], []
                bodies.append((start, stop))
            elif tag == 0x62:
                parse_key_value(buf, start, stop)
                metadata += b"\x62" + write_varint(stop - start) + buf[start:stop]
        for kind, start, stop in discarded:
            self._points(buf, start, stop, kind)
        temporality, monotonic = 0, False
        points: list[tuple[bytes, int, int | float | None, bytes]] = []
        for start, stop in bodies:
            found, temporality_here, monotonic_here = self._points(buf, start, stop, data)
            points += found
            temporality = temporality if temporality_here is None else temporality_here
            monotonic = monotonic if monotonic_here is None else monotonic_here
        metric = Metric(name, description, unit, data, temporality, monotonic, metadata)
        for point in points:
            if point[1] > MAX_TIME_NS:
                batch.reject("a point whose time is after the year 2262")
            else:
                rows.append((metric, *point))
                batch.timeless |= not point[1]

    def _points(
        self, buf: bytes, pos: int, end: int, data: int
    ) -> tuple[list[tuple[bytes, int, int | float | None, bytes]], int | None, bool | None]:
        points = []
        temporality: int | None = None
        monotonic: bool | None = None
        for tag, start, stop in fields(buf, pos, end):
            if tag == 0x0A:
                points.append(self._point(buf, start, stop, data))
            elif tag == 0x10 and data in (7, 9, 10):
                temporality = signed_32(start)
            elif tag == 0x18 and data == SUM:
                monotonic = bool(start)
        return points, temporality, monotonic

    def _point(self, buf: bytes, pos: int, end: int, data: int) -> tuple[bytes, int, int | float | None, bytes]:
        memo = self._envelope.attributes
        attributes_tag, exemplars_tag = _ATTRIBUTES_TAG[data], _EXEMPLARS_TAG.get(data)
        is_number = data in (GAUGE, SUM)
        attributes: list[bytes] = []
        time_ns = 0
        value: int | float | None = None
        rest = b""
        while pos < end:
            field = pos
            tag, pos = read_tag(buf, pos)
            after = skip_field(buf, tag, pos, end)
            if tag & 7 == 2:
                _, pos = read_varint(buf, pos)
            if tag == attributes_tag:
                raw = buf[pos:after]
                if raw not in memo.young:
                    memo.learn(raw, buf, pos)
                attributes.append(raw)
            elif tag == 0x19:
                time_ns = _U64.unpack_from(buf, pos)[0]
            elif is_number and tag == 0x21:
                value = _F64.unpack_from(buf, pos)[0]
            elif is_number and tag == 0x31:
                value = _I64.unpack_from(buf, pos)[0]
            else:
                if not is_number and tag == 0x21:
                    value = _U64.unpack_from(buf, pos)[0]
                elif tag == exemplars_tag:
                    _check_exemplar(buf, pos, after)
                elif data == 9 and tag in (0x32, 0x3A):
                    _check_width(after - pos, pos)
                elif data == 10 and tag in (0x42, 0x4A):
                    _check_buckets(buf, pos, after)
                elif data == 11 and tag == 0x32:
                    for _ in fields(buf, pos, after):
                        pass
                rest += buf[field:after]
            pos = after
        # Sorted, so that the order in which a sender happens to write them makes no second series.
        identity = b"".join(b"\x0a" + write_varint(len(raw)) + raw for raw in sorted(attributes))
        return identity, time_ns, value, rest


def _check_exemplar(buf: bytes, pos: int, end: int) -> None:
    for tag, start, stop in fields(buf, pos, end):
        if tag == 0x3A:
            parse_key_value(buf, start, stop)


def _check_width(size: int, pos: int) -> None:
    if size % 8:
        raise malformed("a packed list of 8-byte numbers that ends within one", pos)


def _check_buckets(buf: bytes, pos: int, end: int) -> None:
    for tag, start, stop in fields(buf, pos, end):
        if tag == 0x12:
            while start < stop:
                _, start = read_varint(buf, start)
            if start != stop:
                raise malformed("a packed list of numbers that ends within one", start)
