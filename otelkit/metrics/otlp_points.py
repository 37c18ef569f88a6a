"""Points of metrics as OTLP's ``…DataPoint`` messages."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from otelkit._otlp.key_values import KeyValueWriter, pairs
from otelkit._otlp.values import INT_MAX, INT_MIN
from otelkit._otlp.wire import count, field, pack_double, pack_fixed64, time_ns, varint

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import Exemplar
    from opentelemetry.sdk.metrics.export import ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint

# The three kinds of points have the same field numbers for these.
_START: Final = b"\x11"
_TIME: Final = b"\x19"
_COUNT: Final = b"\x21"
_SUM: Final = b"\x29"

_NUMBER_ATTRIBUTES: Final = b"\x3a"
_NUMBER_DOUBLE: Final = b"\x21"
_NUMBER_INT: Final = b"\x31"
_NUMBER_EXEMPLAR: Final = b"\x2a"

_HISTOGRAM_ATTRIBUTES: Final = b"\x4a"
_BUCKET_COUNTS: Final = b"\x32"
_BOUNDS: Final = b"\x3a"
_HISTOGRAM_EXEMPLAR: Final = b"\x42"
_MIN: Final = b"\x59"
_MAX: Final = b"\x61"

_EXPONENTIAL_ATTRIBUTES: Final = b"\x0a"
_SCALE: Final = b"\x30"
_ZERO_COUNT: Final = b"\x39"
_POSITIVE: Final = b"\x42"
_NEGATIVE: Final = b"\x4a"
_FLAGS: Final = b"\x50"
_EXPONENTIAL_EXEMPLAR: Final = b"\x5a"
_EXPONENTIAL_MIN: Final = b"\x61"
_EXPONENTIAL_MAX: Final = b"\x69"
_OFFSET: Final = b"\x08"
_OFFSET_COUNTS: Final = b"\x12"

_EXEMPLAR_ATTRIBUTES: Final = b"\x3a"
_EXEMPLAR_TIME: Final = b"\x11"
_EXEMPLAR_DOUBLE: Final = b"\x19"
_EXEMPLAR_INT: Final = b"\x31"
_EXEMPLAR_SPAN_ID: Final = b"\x22\x08"
_EXEMPLAR_TRACE_ID: Final = b"\x2a\x10"

_pack_signed: Final = struct.Struct("<q").pack


class PointWriter:
    """Writes points, each as the content of its message. Several threads may write at once.

    What a number may be: an integer of more than 64 bits is written as the nearest float. Raises whatever a point that is not
    of the SDK's making raises.
    """

    def __init__(self) -> None:
        self._of_numbers = KeyValueWriter(_NUMBER_ATTRIBUTES)
        self._of_histograms = KeyValueWriter(_HISTOGRAM_ATTRIBUTES)
        self._of_exponentials = KeyValueWriter(_EXPONENTIAL_ATTRIBUTES)
        self._of_exemplars = KeyValueWriter(_EXEMPLAR_ATTRIBUTES)

    def gauge(self, point: NumberDataPoint) -> bytes:
        """Return the ``NumberDataPoint`` of a gauge: it has no start, as from the stock encoder."""
        return self._number(point)

    def sum(self, point: NumberDataPoint) -> bytes:
        """Return the ``NumberDataPoint`` of a sum."""
        return _START + time_ns(point.start_time_unix_nano) + self._number(point)

    def histogram(self, point: HistogramDataPoint) -> bytes:
        """Return the ``HistogramDataPoint``."""
        return b"".join(
            (
                _START + time_ns(point.start_time_unix_nano),
                _TIME + time_ns(point.time_unix_nano),
                _COUNT + pack_fixed64(point.count),
                _optional(_SUM, point.sum),
                _packed(_BUCKET_COUNTS, "Q", point.bucket_counts),
                _packed(_BOUNDS, "d", point.explicit_bounds),
                self._of_histograms.fields(pairs(point.attributes))[0],
                self._exemplars(_HISTOGRAM_EXEMPLAR, point.exemplars),
                _optional(_MIN, point.min),
                _optional(_MAX, point.max),
            )
        )

    def exponential_histogram(self, point: ExponentialHistogramDataPoint) -> bytes:
        """Return the ``ExponentialHistogramDataPoint``."""
        positive, negative = point.positive, point.negative
        return b"".join(
            (
                self._of_exponentials.fields(pairs(point.attributes))[0],
                _START + time_ns(point.start_time_unix_nano),
                _TIME + time_ns(point.time_unix_nano),
                _COUNT + pack_fixed64(point.count),
                _optional(_SUM, point.sum),
                _SCALE + _zigzag(point.scale),
                _ZERO_COUNT + pack_fixed64(point.zero_count),
                _buckets(_POSITIVE, positive.offset, positive.bucket_counts),
                _buckets(_NEGATIVE, negative.offset, negative.bucket_counts),
                count(_FLAGS, point.flags),
                self._exemplars(_EXPONENTIAL_EXEMPLAR, point.exemplars),
                _optional(_EXPONENTIAL_MIN, point.min),
                _optional(_EXPONENTIAL_MAX, point.max),
            )
        )

    def _number(self, point: NumberDataPoint) -> bytes:
        written = (
            _TIME
            + time_ns(point.time_unix_nano)
            + _value(_NUMBER_INT, _NUMBER_DOUBLE, point.value)
            + self._of_numbers.fields(pairs(point.attributes))[0]
        )
        return written + self._exemplars(_NUMBER_EXEMPLAR, point.exemplars) if point.exemplars else written

    def _exemplars(self, tag: bytes, exemplars: Iterable[Exemplar]) -> bytes:
        return b"".join([field(tag, self._exemplar(exemplar)) for exemplar in exemplars])

    def _exemplar(self, exemplar: Exemplar) -> bytes:
        written = (
            self._of_exemplars.fields(pairs(exemplar.filtered_attributes))[0]
            + _EXEMPLAR_TIME
            + time_ns(exemplar.time_unix_nano)
            + _value(_EXEMPLAR_INT, _EXEMPLAR_DOUBLE, exemplar.value)
        )
        if exemplar.span_id is None or exemplar.trace_id is None:
            return written
        span_id, trace_id = exemplar.span_id.to_bytes(8, "big"), exemplar.trace_id.to_bytes(16, "big")
        return written + _EXEMPLAR_SPAN_ID + span_id + _EXEMPLAR_TRACE_ID + trace_id


def _value(integer: bytes, double: bytes, value: float) -> bytes:
    if isinstance(value, int) and INT_MIN <= value <= INT_MAX:
        return integer + _pack_signed(value)
    return double + pack_double(value)


def _optional(tag: bytes, value: float | None) -> bytes:
    """Return a field that says something by being there, too: a sum of 0 is not the same as no sum."""
    return b"" if value is None else tag + pack_double(value)


def _packed(tag: bytes, form: str, values: Sequence[float]) -> bytes:
    return field(tag, struct.pack(f"<{len(values)}{form}", *values)) if values else b""


def _buckets(tag: bytes, offset: int, counts: Sequence[int]) -> bytes:
    """Return the field of one side's buckets; none for no buckets."""
    if not counts:
        return b""
    return field(tag, _OFFSET + _zigzag(offset) + field(_OFFSET_COUNTS, b"".join([varint(each) for each in counts])))


def _zigzag(value: int) -> bytes:
    """Return a ``sint32``."""
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)
