"""Exporters of log records and metrics that only write bytes: another thread sends them."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from otelkit.delivery.encoding import ENCODERS, Encode, MetricPreferences
from otelkit.delivery.exporters import CLOSE_LIMIT_S, count_points
from otelkit.delivery.outgoing import Outgoing
from otelkit.model.signals import Account, Loss, Signal

_log = logging.getLogger("otelkit.delivery")

_ERROR: Final = SeverityNumber.ERROR.value


class OtlpWriter:
    """Writes batches of one signal as requests and hands them to an `Outgoing`. Never raises.

    Args:
        signal: What is written.
        outgoing: Sends, retries and spools.
        account: Where items that can't be written are counted.
        encode: Writes a batch.
    """

    def __init__(self, signal: Signal, outgoing: Outgoing, account: Account, encode: Encode | None = None) -> None:
        self._signal = signal
        self.outgoing = outgoing
        self._account = account
        self._encode = encode or ENCODERS[signal]
        self._deadline: float | None = None

    def write(self, items: Sequence[Any], errors: Sequence[Any] = ()) -> None:  # Any: log records
        """Have ``items`` and ``errors`` sent; the latter are the last to go when memory gets short."""
        self.outgoing.put(*self._encoded(items), *self._encoded(errors))

    def write_whole(self, batch: Any, count: int) -> None:  # Any: what the encoder takes
        """Have a batch of ``count`` items sent that can't be taken apart."""
        try:
            body = self._encode(batch)
        except Exception as error:  # noqa: BLE001 - protobuf raises several kinds
            self._leave_out(error, count)
        else:
            self.outgoing.put(body, count)

    def exit_by(self, deadline: float, pending: Callable[[], int] = lambda: 0) -> None:
        """Block no longer than ``deadline`` (`time.monotonic` seconds) from now on; what is not sent by then is spooled."""
        self._deadline = deadline
        self.outgoing.exit_by(deadline, pending)

    def close(self) -> None:
        """Send or spool what waits, until the deadline if there is one."""
        left_s = CLOSE_LIMIT_S if self._deadline is None else max(0.05, self._deadline - time.monotonic())
        self.outgoing.close(left_s)

    def _encoded(self, items: Sequence[Any]) -> tuple[bytes, int]:
        if not items:
            return b"", 0
        try:
            return self._encode(items), len(items)
        except Exception as error:  # noqa: BLE001 - protobuf raises several kinds, and programs log anything
            _log.debug("a batch of %d %s can't be encoded as a whole: %s", len(items), self._signal, error)
        bodies = []
        for item in items:
            try:
                bodies.append(self._encode([item]))
            except Exception as error:  # noqa: BLE001 - see above
                self._leave_out(error, 1)
        return b"".join(bodies), len(bodies)

    def _leave_out(self, error: Exception, count: int) -> None:
        _log.debug("%d %s can't be encoded: %s", count, self._signal, error)
        self._account.lost(self._signal, count, Loss.ENCODE_FAILED)


class OtlpLogExporter(LogRecordExporter):
    """Writes log records. Created records are counted by whoever makes batches of them."""

    def __init__(self, writer: OtlpWriter) -> None:
        self._writer = writer
        # Not left to the first record: the processors of the SDK know nothing of `prepare`.
        self.prepare()

    def prepare(self) -> None:
        """Start the sending thread now: once the interpreter shuts down, none can be started."""
        self._writer.outgoing.prepare()

    def exit_by(self, deadline: float, pending: Callable[[], int] = lambda: 0) -> None:
        """Block no longer than ``deadline`` from now on, with ``pending()`` records still to come."""
        self._writer.exit_by(deadline, pending)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Have the records sent; what becomes of them is in the ledger."""
        errors = [each for each in batch if _is_error(each)]
        self._writer.write([each for each in batch if not _is_error(each)] if errors else batch, errors)
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits; False if that failed or took longer."""
        return self._writer.outgoing.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send or spool what waits."""
        self._writer.close()


class OtlpMetricExporter(MetricPreferences, MetricExporter):
    """Writes metrics; their points count as created here, since nothing buffers them before.

    Temporality and aggregation are as ``OTEL_EXPORTER_OTLP_METRICS_*`` prefer them. In a forked child it takes everything and
    sends nothing: the counts that the child has inherited are its parent's, and the child records into a provider of its own.
    """

    def __init__(self, writer: OtlpWriter, account: Account) -> None:
        super().__init__()
        self._writer = writer
        self._account = account
        self._pid = os.getpid()
        writer.outgoing.prepare()

    def exit_by(self, deadline: float) -> None:
        """Block no longer than ``deadline`` from now on."""
        self._writer.exit_by(deadline)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Have the points sent; what becomes of them is in the ledger. ``timeout_millis`` is not used: nothing waits here."""
        if os.getpid() == self._pid:
            count = count_points(metrics_data)
            self._account.created("metrics", count)
            self._writer.write_whole(metrics_data, count)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Send what waits; False if that failed or took longer."""
        return os.getpid() != self._pid or self._writer.outgoing.flush(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Send or spool what waits."""
        if os.getpid() == self._pid:
            self._writer.close()


def _is_error(record: ReadableLogRecord) -> bool:
    number = record.log_record.severity_number
    return number is not None and number.value >= _ERROR
