"""Collected metrics as OTLP requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.sdk.metrics.export import ExponentialHistogram, Gauge, Histogram, Sum

from otelkit._otlp.encoded import REQUEST_BYTES, Encoded
from otelkit._otlp.framing import ITEM, Frame, Frames, Groups, request
from otelkit._otlp.wire import count, field, text_field, varint
from otelkit.metrics.otlp_points import PointWriter

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric, MetricsData

_NAME: Final = b"\x0a"
_DESCRIPTION: Final = b"\x12"
_UNIT: Final = b"\x1a"
_GAUGE: Final = b"\x2a"
_SUM: Final = b"\x3a"
_HISTOGRAM: Final = b"\x4a"
_EXPONENTIAL_HISTOGRAM: Final = b"\x52"
_POINT: Final = b"\x0a"
_TEMPORALITY: Final = b"\x10"
_MONOTONIC: Final = b"\x18\x01"


class MetricEncoder:
    """Writes collected metrics as OTLP in protobuf, without protobuf. Several threads may encode at once.

    Args:
        request_bytes: Most bytes of points in a request, unless it holds a single point.
        on_failed: Told why points were left out, perhaps more than once; must not raise.
    """

    def __init__(
        self,
        *,
        request_bytes: int = REQUEST_BYTES,
        on_failed: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._request_bytes = request_bytes
        self._on_failed = on_failed
        self._frames = Frames()
        self._points = PointWriter()

    def requests(self, data: MetricsData) -> list[Encoded]:
        """Return requests with the points of ``data``, in order: one, if all fit.

        Together they decode to the same message as what the stock encoder writes, with these exceptions, most of which cost
        the stock encoder everything: text that is no UTF-8 has U+FFFD where a surrogate was; integers of more than 64 bits
        are the nearest float; times before 1970 are 0; a metric without points is left out; a metric with points in several
        requests is in each. Points that can't be written are left out alone; so are their attributes, as by the stock encoder.
        """
        batch = _Batch(self._request_bytes)
        for of_resource in data.resource_metrics:
            resource = self._frames.of_resource(of_resource.resource)
            for of_scope in of_resource.scope_metrics:
                scope = self._frames.of_scope(of_scope.scope)
                for metric in of_scope.metrics:
                    self._add(metric, resource, scope, batch)
        return batch.done()

    def _add(self, metric: Metric, resource: Frame, scope: Frame, batch: _Batch) -> None:
        points: Sequence[Any] = metric.data.data_points  # Any: points of the kind that `_kind` writes
        try:
            kind = self._kind(metric.data)
            said = text_field(_NAME, metric.name) + text_field(_DESCRIPTION, metric.description)
            said += text_field(_UNIT, metric.unit)
        except Exception as error:  # noqa: BLE001 - the metrics of a stranger's reader; the others must still leave
            self._on_failed(error)
            batch.left_out += len(points)
            return
        written: list[bytes] = []
        for point in points:
            try:
                content = field(_POINT, kind.write(point))
            except Exception as error:  # noqa: BLE001 - see above
                self._on_failed(error)
                batch.left_out += 1
                continue
            if not batch.fits(len(content)):
                batch.add(resource, scope, said, kind, written)
                batch.cut()
                written = []
            batch.bytes += len(content)
            written.append(content)
        batch.add(resource, scope, said, kind, written)

    def _kind(self, data: object) -> _Kind:
        """Return how a metric's points are written. TypeError if that is unknown, as for kinds of a later SDK."""
        if isinstance(data, Gauge):
            return _Kind(_GAUGE, self._points.gauge, b"")
        if isinstance(data, Sum):
            temporality = count(_TEMPORALITY, data.aggregation_temporality)
            return _Kind(_SUM, self._points.sum, temporality + (_MONOTONIC if data.is_monotonic else b""))
        if isinstance(data, Histogram):
            return _Kind(_HISTOGRAM, self._points.histogram, count(_TEMPORALITY, data.aggregation_temporality))
        if isinstance(data, ExponentialHistogram):
            temporality = count(_TEMPORALITY, data.aggregation_temporality)
            return _Kind(_EXPONENTIAL_HISTOGRAM, self._points.exponential_histogram, temporality)
        raise TypeError(f"metrics of the type {type(data).__qualname__} can't be written")


class _Kind(NamedTuple):
    tag: bytes
    write: Callable[[Any], bytes]  # Any: a point of this kind
    after: bytes
    """What is said of all points, after them."""


class _Batch:
    """What is written so far."""

    def __init__(self, most_bytes: int) -> None:
        self.left_out = 0
        self.bytes = 0
        """Of the points that go into this request, added or not yet."""
        self._most_bytes = most_bytes
        self._groups: Groups = {}
        self._points = 0
        self._requests: list[Encoded] = []

    def fits(self, size: int) -> bool:
        """Return whether a further point of ``size`` bytes goes into this request."""
        return not self.bytes or self.bytes + size <= self._most_bytes

    def add(self, resource: Frame, scope: Frame, said: bytes, kind: _Kind, points: list[bytes]) -> None:
        """Add a metric with ``points``; nothing, if there are none."""
        if points:
            content = said + field(kind.tag, b"".join(points) + kind.after)
            pieces = self._groups.setdefault(resource, {}).setdefault(scope, [])
            pieces += (ITEM, varint(len(content)), content)
            self._points += len(points)

    def cut(self) -> None:
        """End this request; what comes next goes into another."""
        self._requests.append(Encoded(request(self._groups), self._points, 0))
        self._groups, self._points, self.bytes = {}, 0, 0

    def done(self) -> list[Encoded]:
        """Return all requests; the last tells how many points were left out of them all."""
        if self._groups or not self._requests:
            self.cut()
        self._requests[-1] = self._requests[-1]._replace(left_out=self.left_out)
        return self._requests
