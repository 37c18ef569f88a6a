"""Exporters of log records and metrics that only write bytes: another thread sends them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from otelkit.delivery.metric_points import count_points
from otelkit.delivery.metric_preferences import preferred_aggregation, preferred_temporality
from otelkit.delivery.otlp_writer import OtlpWriter
from otelkit.model.signals import Account

_ERROR: Final = SeverityNumber.ERROR.value


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


class OtlpMetricExporter(MetricExporter):
    """Writes metrics; their points count as created here, since nothing buffers them before.

    Temporality and aggregation are as ``OTEL_EXPORTER_OTLP_METRICS_*`` prefer them. In a forked child it takes everything and
    sends nothing: the counts that the child has inherited are its parent's, and the child records into a provider of its own.
    """

    def __init__(self, writer: OtlpWriter, account: Account, env: Mapping[str, str]) -> None:
        super().__init__(preferred_temporality(env), preferred_aggregation(env))
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
