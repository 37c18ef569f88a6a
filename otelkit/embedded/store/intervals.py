"""Histograms as metrics send them: counts of durations between two bounds, whatever the bounds are.

A quantile of theirs is certain to lie between two bounds; where in between is read from the spans that arrived, if any did.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from otelkit.embedded.store import sketch
from otelkit.embedded.wire_primitives import fields, read_varint

HISTOGRAM: Final = 9
EXPONENTIAL: Final = 10
"""The fields of `Metric` whose points `read_durations` reads."""

_F64: Final = struct.Struct("<d")
_U64: Final = struct.Struct("<Q")
_INTERVAL: Final = struct.Struct("<ddd")
_LEAST_SCALE: Final = -10
_MOST_SCALE: Final = 20
"""Of exponential histograms, as the specification's reference implementations bound them."""


@dataclass(slots=True)
class Durations:
    """Durations in seconds, counted by interval. Intervals are open below and closed above."""

    sum_s: float = 0.0
    low_s: float | None = None
    """The shortest; None: not told."""
    high_s: float | None = None
    counts: dict[tuple[float, float], float] = field(default_factory=dict)
    """(lower bound, upper bound) -> count; only those that hold any."""

    def add(self, other: Durations) -> None:
        """Add the durations of another series, or of a later time."""
        self.sum_s += other.sum_s
        self.low_s = min((low for low in (self.low_s, other.low_s) if low is not None), default=None)
        self.high_s = max((high for high in (self.high_s, other.high_s) if high is not None), default=None)
        for interval, count in other.counts.items():
            self.counts[interval] = self.counts.get(interval, 0.0) + count

    def quantile_s(self, q: float, seen: Mapping[int, float]) -> float | None:
        """Return the ``q`` quantile (0 to 1) in seconds; None without any durations.

        Args:
            q: Which one.
            seen: A histogram as in `sketch`, of some of these durations: it says where in its interval the quantile lies.
        """
        rank = q * sum(self.counts.values())
        before = 0.0
        for (low_s, high_s), count in sorted(self.counts.items(), key=lambda each: each[0][1]):
            if before + count >= rank:
                return self._within(low_s, high_s, (rank - before) / count, seen)
            before += count
        return self.high_s

    def _within(self, low_s: float, high_s: float, share: float, seen: Mapping[int, float]) -> float:
        here = {bucket: count for bucket, count in seen.items() if low_s < sketch.value_of(bucket) / 1e9 <= high_s}
        low_s = max(low_s, self.low_s or 0.0)
        high_s = high_s if self.high_s is None else min(high_s, self.high_s)
        if not math.isfinite(high_s):
            return low_s
        found_ns = sketch.quantile_ns(here, share)
        if found_ns is None:
            return low_s + share * max(0.0, high_s - low_s)
        return max(low_s, min(found_ns / 1e9, high_s))


def read_durations(kind: int, rest: bytes) -> Durations:
    """Return the durations of a data point that the wire parser has checked; numbers that no histogram has are left out.

    Args:
        kind: `HISTOGRAM` or `EXPONENTIAL`.
        rest: The point's fields as they came.
    """
    found = _read_histogram(rest) if kind == HISTOGRAM else _read_exponential(rest)
    found.sum_s = found.sum_s if math.isfinite(found.sum_s) else 0.0
    found.low_s = None if found.low_s is None or not math.isfinite(found.low_s) else found.low_s
    found.high_s = None if found.high_s is None or not math.isfinite(found.high_s) else found.high_s
    return found


def _read_histogram(rest: bytes) -> Durations:
    found = Durations()
    counts: list[int] = []
    bounds: list[float] = []
    for tag, start, stop in fields(rest, 0, len(rest)):
        if tag == 0x29:
            (found.sum_s,) = _F64.unpack_from(rest, start)
        elif tag in (0x31, 0x32):
            counts += [count for (count,) in _U64.iter_unpack(rest[start:stop])]
        elif tag in (0x39, 0x3A):
            bounds += [bound for (bound,) in _F64.iter_unpack(rest[start:stop])]
        elif tag == 0x59:
            (found.low_s,) = _F64.unpack_from(rest, start)
        elif tag == 0x61:
            (found.high_s,) = _F64.unpack_from(rest, start)
    for low_s, high_s, count in zip([-math.inf, *bounds], [*bounds, math.inf], counts, strict=False):
        if count and low_s < high_s:
            found.counts[low_s, high_s] = float(count)
    return found


def _read_exponential(rest: bytes) -> Durations:
    found = Durations()
    scale = zero_count = 0
    positive: list[tuple[int, int]] = []
    for tag, start, stop in fields(rest, 0, len(rest)):
        if tag == 0x29:
            (found.sum_s,) = _F64.unpack_from(rest, start)
        elif tag == 0x30:
            scale = _zigzag(start)
        elif tag == 0x39:
            (zero_count,) = _U64.unpack_from(rest, start)
        elif tag == 0x42:
            positive += _read_buckets(rest, start, stop)
        elif tag == 0x61:
            (found.low_s,) = _F64.unpack_from(rest, start)
        elif tag == 0x69:
            (found.high_s,) = _F64.unpack_from(rest, start)
    if zero_count:
        found.counts[-math.inf, 0.0] = float(zero_count)
    if not _LEAST_SCALE <= scale <= _MOST_SCALE:
        return found
    for index, count in positive:
        # Bucket i holds (2^(i/2^scale), 2^((i+1)/2^scale)]. Source: OpenTelemetry metrics data model.
        bounds = [math.exp2(max(-1022.0, min(1023.0, each * 2.0**-scale))) for each in (index, index + 1)]
        found.counts[bounds[0], bounds[1]] = found.counts.get((bounds[0], bounds[1]), 0.0) + count
    return found


def _read_buckets(raw: bytes, pos: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield index and count of the buckets of an exponential histogram that hold any."""
    offset = 0
    counts: list[int] = []
    for tag, start, stop in fields(raw, pos, end):
        if tag == 0x08:
            offset = _zigzag(start)
        elif tag == 0x10:
            counts.append(start)
        elif tag == 0x12:
            while start < stop:
                count, start = read_varint(raw, start)
                counts.append(count)
    return ((offset + number, count) for number, count in enumerate(counts) if count)


def _zigzag(value: int) -> int:
    """Return a varint as the ``sint32`` it stands for."""
    return value >> 1 ^ -(value & 1)


def pack(counts: Mapping[tuple[float, float], float]) -> bytes:
    """Return counted intervals as bytes."""
    return b"".join([_INTERVAL.pack(low_s, high_s, count) for (low_s, high_s), count in counts.items()])


def unpack(raw: bytes) -> dict[tuple[float, float], float]:
    """Return what `pack` made bytes of."""
    return {(low_s, high_s): count for low_s, high_s, count in _INTERVAL.iter_unpack(raw)}
