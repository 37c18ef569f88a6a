"""Exporters that account for every item: what they can't deliver is spooled, and they never hold up the program's end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, NotRequired, TypedDict, Unpack

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otelkit._otlp.encoded import Encode
from otelkit.delivery.delivery import Batch, Delivery
from otelkit.delivery.metric_points import count_points
from otelkit.delivery.notice import Notice
from otelkit.delivery.otlp_writer import CLOSE_LIMIT_S
from otelkit.delivery.spool import Spool
from otelkit.model.signals import Account, Signal


class Around(TypedDict):
    """What an exporter needs besides its name and how it is built. See `Delivery` for what it means."""

    account: Account
    spool: Spool | None
    notice: Notice
    encode: Encode | None
    endpoint: NotRequired[str | None]
    principal: NotRequired[bool]
    export_limit_s: NotRequired[float]


class _Delivered(Generic[Batch]):
    """What the three exporters have in common: a delivery, and the end of the program, bounded in time."""

    _SIGNAL: ClassVar[Signal]
    _SUCCESS: ClassVar[object]
    """What the inner exporter returns when it has taken a batch."""

    def __init__(
        self,
        name: str,
        factory: Callable[[], Any],  # Any: an exporter of the signal, as far as anybody knows
        **around: Unpack[Around],
    ) -> None:
        self._delivery = Delivery[Batch](self._SIGNAL, name, factory, self._send, **around)

    def _send(self, inner: Any, batch: Batch) -> bool:  # Any: what the factory made
        return inner.export(batch) is self._SUCCESS

    def prepare(self) -> None:
        """Start the sending thread now: once the interpreter shuts down, none can be started."""
        self._delivery.prepare()

    def exit_by(self, deadline: float, pending: Callable[[], int] = lambda: 0) -> None:
        """Block no longer than ``deadline`` (`time.monotonic` seconds) from now on; what is not sent by then is spooled.

        Call it before the processors in front are shut down, since they are waiting for this exporter. ``pending`` says
        how many items are still to come, so that enough time is kept for the disk.
        """
        self._delivery.exit_by(deadline, pending)

    def seal_from_now(self) -> None:
        """Do nothing: what is sealed is OTLP as bytes, and nothing else."""

    def close(self, timeout_s: float) -> None:
        """Close the exporter's connections, waiting no longer than ``timeout_s``; what comes later is spooled."""
        self._delivery.close(timeout_s)


class DeliveredSpanExporter(_Delivered[Sequence[ReadableSpan]], SpanExporter):
    """Sends spans with another exporter. See `Delivery` for what the arguments mean.

    Created spans are counted by whoever makes batches of them (`spans.Outbox`).
    """

    _SIGNAL = "traces"
    _SUCCESS = SpanExportResult.SUCCESS

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver or spool; FAILURE only if spans are lost. Never raises."""
        return SpanExportResult.SUCCESS if self._delivery.deliver(spans, len(spans)) else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter; False if that failed or the last batch was not delivered."""
        return self._delivery.flush(timeout_millis / 1000)

    def seal(self, timeout_s: float) -> bool:
        """Flush the exporter: nothing waits on this side of it."""
        return self._delivery.flush(timeout_s)

    def shutdown(self) -> None:
        """Close the exporter's connections."""
        self.close(CLOSE_LIMIT_S)


class DeliveredLogExporter(_Delivered[Sequence[ReadableLogRecord]], LogRecordExporter):
    """Sends log records with another exporter. See `Delivery` for what the arguments mean.

    Created records are counted by whoever makes batches of them (`logs.BufferedLogProcessor`).
    """

    _SIGNAL = "logs"
    _SUCCESS = LogRecordExportResult.SUCCESS

    def __init__(
        self,
        name: str,
        factory: Callable[[], Any],  # Any: a LogRecordExporter, as far as anybody knows
        **around: Unpack[Around],
    ) -> None:
        super().__init__(name, factory, **around)
        # Not left to the first record: the processors of the SDK know nothing of `prepare`.
        self._delivery.prepare()

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Deliver or spool; FAILURE only if records are lost. Never raises."""
        delivered = self._delivery.deliver(batch, len(batch))
        return LogRecordExportResult.SUCCESS if delivered else LogRecordExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter; False if that failed or the last batch was not delivered."""
        return self._delivery.flush(timeout_millis / 1000)

    def seal(self, timeout_s: float) -> bool:
        """Flush the exporter: nothing waits on this side of it."""
        return self._delivery.flush(timeout_s)

    def shutdown(self) -> None:
        """Close the exporter's connections."""
        self.close(CLOSE_LIMIT_S)


class DeliveredMetricExporter(_Delivered[MetricsData], MetricExporter):
    """Sends metrics with another exporter. See `Delivery` for what the arguments mean.

    Its points are counted as created here, since nothing buffers them before. The exporter is built at once, because the
    reader needs to know which temporality and aggregation it prefers; so is its thread, because the first export may be the
    one at the program's end.
    In a forked child it takes everything and sends nothing: the counts that the child has inherited are its parent's, and
    the child records into a provider of its own.
    """

    _SIGNAL = "metrics"
    _SUCCESS = MetricExportResult.SUCCESS

    def __init__(
        self,
        name: str,
        factory: Callable[[], Any],  # Any: a MetricExporter, as far as anybody knows
        **around: Unpack[Around],
    ) -> None:
        _Delivered.__init__(self, name, factory, **around)
        self._account = around["account"]
        self._principal = around.get("principal", True)
        self._pid = os.getpid()
        inner = self._delivery.inner()
        # The SDK keeps these under private names only, and its readers read them from there. Absent: the SDK's defaults.
        MetricExporter.__init__(
            self,
            preferred_temporality=getattr(inner, "_preferred_temporality", None),
            preferred_aggregation=getattr(inner, "_preferred_aggregation", None),
        )
        self._delivery.prepare()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Deliver or spool; FAILURE only if points are lost. Never raises.

        ``timeout_millis`` is not used: the SDK passes its export interval at the end, and the exporters have a timeout of
        their own.
        """
        if os.getpid() != self._pid:
            return MetricExportResult.SUCCESS
        count = count_points(metrics_data)
        if self._principal:
            self._account.created("metrics", count)
        return MetricExportResult.SUCCESS if self._delivery.deliver(metrics_data, count) else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flush the exporter; False if that failed or the last points were not delivered."""
        return os.getpid() != self._pid or self._delivery.flush(timeout_millis / 1000)

    def collection_begins(self) -> None:
        """Do nothing: no state is kept."""

    def seal(self, collect: Callable[[], None], timeout_s: float) -> bool:
        """Have the metrics as they are now sent; False if that failed. ``collect`` collects and exports to this exporter."""
        collect()
        return self.force_flush(timeout_s * 1000)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Close the exporter's connections."""
        if os.getpid() == self._pid:
            self.close(min(timeout_millis / 1000, CLOSE_LIMIT_S))
