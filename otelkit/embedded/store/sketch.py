"""Histograms of durations with a bounded relative error.

Bucket i holds durations in (G^(i-1), G^i] nanoseconds, G = (1 + e) / (1 - e); the value given back for it, 2 G^i / (G + 1),
is at most e off. Source: Masson, Rim, Lee, "DDSketch", VLDB 2019, section 2.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from typing import Final

RELATIVE_ERROR: Final = 0.02
"""e above; the store promises 5 %."""

_GROWTH: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
SCALE: Final = 1 / math.log(_GROWTH)
"""ceil(log(duration_ns) * SCALE) is the bucket of a duration of at least 1 ns."""


def bucket_of(duration_ns: int) -> int:
    """Return the bucket of a duration; 0 for 1 ns and less."""
    return math.ceil(math.log(duration_ns) * SCALE) if duration_ns > 1 else 0


def value_of(bucket: int) -> float:
    """Return the duration, in nanoseconds, that stands for a bucket."""
    return 2 * _GROWTH**bucket / (_GROWTH + 1)


def quantile_ns(histogram: Mapping[int, float], q: float) -> float | None:
    """Return the ``q`` quantile (0 to 1) in nanoseconds; None if the histogram is empty."""
    total = sum(histogram.values())
    if total <= 0:
        return None
    rank = q * total
    seen = 0.0
    bucket = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= rank:
            break
    return value_of(bucket)


def pack(histogram: Mapping[int, float]) -> bytes:
    """Return a histogram as bytes: bucket numbers as uint16, then counts as float64, in the machine's byte order."""
    return array("H", histogram).tobytes() + array("d", histogram.values()).tobytes()


def unpack(raw: bytes) -> dict[int, float]:
    """Return what `pack` made bytes of."""
    count = len(raw) // 10
    buckets, counts = array("H"), array("d")
    buckets.frombytes(raw[: 2 * count])
    counts.frombytes(raw[2 * count :])
    return dict(zip(buckets, counts, strict=True))
