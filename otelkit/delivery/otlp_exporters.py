"""Exporters of log records and metrics that only write bytes: another thread sends them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import Histogram
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation

from otelkit.delivery.metric_points import count_points
from otelkit.delivery.metric_preferences import preferred_aggregation, preferred_temporality
from otelkit.delivery.otlp_writer import OtlpWriter
from otelkit.delivery.sealed_file import States
from otelkit.model.signals import Account

_ERROR: Final = SeverityNumber.ERROR.value
_FIRST_PART: Final = 1 << 32
"""Number of the first state that is a part of the metrics; below are those of whole collections."""


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

    def seal_from_now(self) -> None:
        """Keep what is written from now on safe until it is delivered."""
        self._writer.outgoing.sealing.begin()

    def seal(self, timeout_s: float) -> bool:
        """Keep what waits safe; False if it had to be sent for that, and was not."""
        return self._writer.outgoing.seal(timeout_s)

    def shutdown(self) -> None:
        """Send or spool what waits."""
        self._writer.close()


class OtlpMetricExporter(MetricExporter):
    """Writes metrics; their points count as created here, since nothing buffers them before.

    Temporality and aggregation are as ``OTEL_EXPORTER_OTLP_METRICS_*`` prefer them. In a forked child it takes everything and
    sends nothing: the counts that the child has inherited are its parent's, and the child records into a provider of its own.

    In a process that may be killed, the last state is kept safe until what says the same, or more, is on its way.
    """

    def __init__(self, writer: OtlpWriter, account: Account, env: Mapping[str, str]) -> None:
        super().__init__(preferred_temporality(env), preferred_aggregation(env))
        self._writer = writer
        self._account = account
        self._pid = os.getpid()
        temporalities = set((preferred_temporality(env) or {}).values())
        self._cumulative = temporalities <= {AggregationTemporality.CUMULATIVE}
        self.has_explicit_buckets = isinstance(
            preferred_aggregation(env).get(Histogram), ExplicitBucketHistogramAggregation
        )
        """Whether histograms have the boundaries that their instruments were made with."""
        # Of a collection, which has one thread from its begin to its export.
        self._of_this = _Collection()
        writer.outgoing.prepare()

    def exit_by(self, deadline: float) -> None:
        """Block no longer than ``deadline`` from now on."""
        self._writer.exit_by(deadline)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Have the points sent; what becomes of them is in the ledger. ``timeout_millis`` is not used: nothing waits here."""
        if os.getpid() != self._pid:
            return MetricExportResult.SUCCESS
        sealing = self._writer.outgoing.sealing
        before, self._of_this.states = self._of_this.states, {}
        if self._of_this.is_state:
            for number, encoded in enumerate(self._writer.encode(metrics_data)):
                sealing.put_state(number, encoded.body, encoded.written)
        else:
            count = count_points(metrics_data)
            self._account.created("metrics", count)
            self._writer.write_whole(metrics_data, count)
        if before:
            sealing.supersede(before)
        return MetricExportResult.SUCCESS

    def seal_from_now(self) -> None:
        """Keep what is written from now on safe until it is delivered."""
        self._writer.outgoing.sealing.begin()

    def collection_begins(self) -> None:
        """Hear that this thread begins to collect: what is sealed by now will be in what it exports, or was exported before."""
        self._of_this.states = self._writer.outgoing.sealing.states()

    @property
    def keeps_states(self) -> bool:
        """Whether the last metrics of each kind are all that has to be kept: they are cumulative, and there is where to."""
        return self._cumulative and self._writer.outgoing.sealing.active

    def put_state(self, number: int, metrics_data: MetricsData) -> None:
        """Have the next `seal_states` keep a part of the metrics, in place of the last one with this number, from 0."""
        for encoded in self._writer.encode(metrics_data):
            self._writer.outgoing.sealing.put_state(_FIRST_PART + number, encoded.body, encoded.written)

    def seal_states(self, timeout_s: float) -> bool:
        """Keep the states that were put safe; False if that failed."""
        return self._writer.outgoing.seal(timeout_s)

    def seal(self, collect: Callable[[], None], timeout_s: float) -> bool:
        """Keep the metrics as they are now safe; False if they had to be sent for that, and were not.

        Args:
            collect: Collects and exports to this exporter, in this thread.
            timeout_s: For sending them.
        """
        if not self._writer.outgoing.sealing.active:
            collect()
            return self.force_flush(timeout_s * 1000)
        self._of_this.is_state = self._cumulative
        try:
            collect()
        finally:
            self._of_this.is_state = False
        return self._writer.outgoing.seal(timeout_s)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Send what waits; False if that failed or took longer."""
        return os.getpid() != self._pid or self._writer.outgoing.flush(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Send or spool what waits."""
        if os.getpid() == self._pid:
            self._writer.close()


class _Collection(threading.local):
    """What an exporter knows of the collection that the thread is at."""

    is_state = False
    """Whether it is kept as a state instead of sent."""

    def __init__(self) -> None:
        self.states: States = {}
        """What was sealed when it began."""


def _is_error(record: ReadableLogRecord) -> bool:
    number = record.log_record.severity_number
    return number is not None and number.value >= _ERROR
