"""Log records: correlation with spans, and the way out over OTLP."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk.resources import Resource

from otelkit import names
from otelkit._assembly.environment import number, whole
from otelkit._assembly.outlet import Outlet
from otelkit._assembly.sdk_private import update_resource
from otelkit.delivery.otlp_exporters import OtlpLogExporter
from otelkit.logs import correlation, structured
from otelkit.logs.handler import OtelkitHandler
from otelkit.logs.processor import BufferedLogProcessor
from otelkit.logs.stock_handler import flush_no_more
from otelkit.logs.structlog_events import StructlogEvents
from otelkit.settings import Settings
from otelkit.stages._import_hook import ImportHook

if TYPE_CHECKING:
    from otelkit.delivery.exporters import DeliveredLogExporter
    from otelkit.logs.sampling import LogSampling

_HELP_AT: Final = 8192
"""Records that wait to be written when whoever logs the next one starts to help."""


class LogPath:
    """The way of log records out of the process, behind a provider of ours or one that the program has set.

    Args:
        outlet: Where telemetry goes.
        resource: Of this process, for a provider of ours.
        service_name: What records say of the service they come from.
    """

    def __init__(self, outlet: Outlet, resource: Resource, service_name: str) -> None:
        present = _logs.get_logger_provider()
        self._processor: BufferedLogProcessor | None = None
        self._exporters: list[OtlpLogExporter | DeliveredLogExporter] = []
        self._ours = not isinstance(present, LoggerProvider)
        if isinstance(present, LoggerProvider):
            # The program's own, with its own exporters: ours would send everything twice.
            self.provider = present
        else:
            self.provider = self._build(outlet, resource)
        self.exports = outlet.settings.flag("log_export") and bool(self._exporters or not self._ours)
        """Whether log records leave the process."""
        self._listen(outlet.settings, service_name, str(resource.attributes[names.PIPELINE_RUN_ID]))

    def _build(self, outlet: Outlet, resource: Resource) -> LoggerProvider:
        env, settings = outlet.env, outlet.settings
        provider = LoggerProvider(resource, shutdown_on_exit=False)
        choices = outlet.choices("logs")
        self._exporters = [outlet.log_exporter(choice, choices) for choice in choices]
        if self._exporters:
            self._processor = BufferedLogProcessor(
                self._deliver,
                outlet.ledger,
                limit=whole(env, "OTEL_BLRP_MAX_QUEUE_SIZE", settings.whole("buffer_records")),
                batch=whole(env, "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", settings.whole("batch_spans")),
                delay_s=number(env, "OTEL_BLRP_SCHEDULE_DELAY", settings.number("export_delay_s") * 1000, minimum=1)
                / 1000,
                help_at=_HELP_AT if all(isinstance(each, OtlpLogExporter) for each in self._exporters) else None,
                sampling=_sampling(settings.number("log_ratio")),
            )
            provider.add_log_record_processor(self._processor)
        _logs.set_logger_provider(provider)
        return provider

    def _listen(self, settings: Settings, service_name: str, run_id: str) -> None:
        """Start to see what the program logs."""
        if settings.flag("log_correlation"):
            correlation.install(service_name)
        handler = None
        if self.exports:
            handler = OtelkitHandler(self.provider, settings.text("log_level"))
            handler.attach()
        _with_structlog(StructlogEvents(handler, ids=settings.flag("log_correlation")))
        if settings.text("log_format") == "json":
            structured.install(service_name, run_id)

    def flush(self, timeout_s: float) -> bool:
        """Send what is pending."""
        if self._processor is None:
            return True
        deadline = time.monotonic() + timeout_s
        done = [self._processor.force_flush(int(timeout_s * 1000))]
        done += [
            exporter.force_flush(int(max(0.0, deadline - time.monotonic()) * 1000)) for exporter in self._exporters
        ]
        return all(done)

    def seal_from_now(self) -> None:
        """Keep records safe from now on until they are delivered."""
        for exporter in self._exporters:
            exporter.seal_from_now()

    def seal(self, timeout_s: float) -> bool:
        """Have what is pending kept safe."""
        if self._processor is None:
            return True
        deadline = time.monotonic() + timeout_s
        # Most stages log nothing, and to wait for another thread takes 30 µs.
        done = [self._processor.idle or self._processor.force_flush(int(timeout_s * 1000))]
        done += [exporter.seal(max(0.0, deadline - time.monotonic())) for exporter in self._exporters]
        return all(done)

    def exit_by(self, deadline: float) -> None:
        """Make `close` end by ``deadline``."""
        if self._processor is not None:
            for exporter in self._exporters:
                exporter.exit_by(deadline, self._processor.pending)

    def close(self, timeout_s: float) -> None:
        """Send or spool what is pending, then stop."""
        if self._processor:
            self._processor.close(timeout_s)
        for exporter in self._exporters:
            exporter.shutdown()
        if self._ours:
            flush_no_more()

    def in_child(self, attributes: Mapping[str, str | int]) -> None:
        """Give the child's records a resource of the child's own."""
        update_resource(self.provider, attributes)
        for exporter in self._exporters:
            exporter.prepare()

    def _deliver(self, batch: Sequence[ReadableLogRecord]) -> None:
        for exporter in self._exporters:
            exporter.export(batch)


def _sampling(ratio: float) -> LogSampling | None:
    if ratio >= 1:
        return None
    # Here: as a rule all records are exported.
    from otelkit.logs.sampling import LogSampling
    from otelkit.sampling.ratio import OtelkitRatio

    # The traces whose lines are exported are those that `otelkit_ratio` keeps at the same share.
    return LogSampling(ratio, OtelkitRatio(ratio).keeps)


def _with_structlog(events: StructlogEvents) -> None:
    """Take part in structlog, if the program uses it: now, or as soon as it imports it."""
    module = sys.modules.get("structlog")
    if module is not None:
        events.install(module)
    else:
        ImportHook(("structlog",), events.install, lambda name, loader: None).install()
