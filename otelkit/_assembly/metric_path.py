"""Metrics: one reader per exporter, and a provider of their own for forked children."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from opentelemetry import metrics
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otelkit._assembly.environment import number
from otelkit._assembly.exporters import ExporterChoice
from otelkit._assembly.outlet import Outlet
from otelkit._assembly.scraping import serve_metrics
from otelkit._threads import signals_left_alone
from otelkit._version import __version__
from otelkit.delivery.otlp_exporters import OtlpMetricExporter
from otelkit.metrics.provider import set_process_provider
from otelkit.metrics.red import RedObserver

if TYPE_CHECKING:
    from otelkit._assembly.metric_seal import MetricSeal
    from otelkit.delivery.exporters import DeliveredMetricExporter

_log = logging.getLogger("otelkit.install")

INTERVAL_MS: Final = 10_000.0
"""Between two exports, unless ``OTEL_METRIC_EXPORT_INTERVAL`` says otherwise."""

SCOPE: Final = "otelkit"
"""Instrumentation scope of what we record ourselves."""
_SCOPE: Final = InstrumentationScope(SCOPE, __version__)
_CATCH_UP_S: Final = 1.0
"""For sending what can't be sealed, in the background."""


class MetricPath:
    """The way of metrics out of the process.

    Args:
        outlet: Where telemetry goes.
        resource: Of this process.
        bind: Called with the meter for our own instruments, now and again in a forked child.
        serve: Whether `/metrics` is served, if a port for it is set; the programs that this one starts leave it to this one.
        red: Counts the calls of stages, if anybody does.
    """

    def __init__(
        self,
        outlet: Outlet,
        resource: Resource,
        bind: Callable[[Meter], None],
        *,
        serve: bool = True,
        red: RedObserver | None = None,
    ) -> None:
        self._outlet = outlet
        self._resource = resource
        self._bind = bind
        self._provider: MeterProvider | None = None
        self._exporters: list[OtlpMetricExporter | DeliveredMetricExporter] = []
        self._readers: list[MetricReader] = []
        """One for each exporter, in their order; others read by themselves."""
        self._red = red
        self._seal: MetricSeal | None = None
        # Once, and not again in each child: what is wrong is said once.
        env = outlet.env
        self._choices = outlet.choices("metrics")
        self._interval_ms = number(env, "OTEL_METRIC_EXPORT_INTERVAL", INTERVAL_MS, minimum=1)
        self._timeout_ms = number(env, "OTEL_METRIC_EXPORT_TIMEOUT", 30_000.0, minimum=1)
        present = metrics.get_meter_provider()
        if isinstance(present, MeterProvider):
            # The program's own, with its own readers: ours would send everything twice.
            provider = present
        else:
            provider = self._provider = self._build()
            metrics.set_meter_provider(provider)
        bind(provider.get_meter(SCOPE, __version__))
        self._scraped = serve_metrics(outlet.settings, provider) if serve else None

    def flush(self, timeout_s: float) -> bool:
        """Export the metrics as they are now."""
        if self._provider is None:
            return True
        try:
            return self._provider.force_flush(timeout_s * 1000)
        except Exception as error:  # noqa: BLE001 - the SDK raises bare `Exception` when a reader fails or is late
            _log.debug("metrics could not be flushed: %s", error)
            return False

    def collection_begins(self) -> None:
        """Hear that a reader begins to collect, in this thread."""
        for exporter in self._exporters:
            exporter.collection_begins()

    def seal_from_now(self) -> None:
        """Keep the last metrics safe from now on until they are delivered."""
        for exporter in self._exporters:
            exporter.seal_from_now()
        if len(self._exporters) == 1:
            self._seal = self._seal_of(self._exporters[0], self._readers[0])

    def _seal_of(
        self, exporter: OtlpMetricExporter | DeliveredMetricExporter, reader: MetricReader
    ) -> MetricSeal | None:
        if not isinstance(exporter, OtlpMetricExporter) or not exporter.keeps_states:
            return None
        if self._red is None or not exporter.has_explicit_buckets:
            return None
        # Here, since few processes need it.
        from otelkit._assembly.metric_seal import MetricSeal

        states = self._red.keep_states(self._resource, _SCOPE)
        return None if states is None else MetricSeal(exporter, reader.collect, states)

    def catch_up(self) -> None:
        """Keep safe what `seal` has left out for a moment."""
        if self._seal is not None:
            self._seal.catch_up(_CATCH_UP_S)

    def seal(self, timeout_s: float) -> bool:
        """Have the metrics as they are now kept safe."""
        if self._provider is None:
            return True
        if self._seal is not None:
            return self._seal.seal(timeout_s)
        deadline = time.monotonic() + timeout_s
        done = []
        for exporter, reader in zip(self._exporters, self._readers, strict=True):
            try:
                done.append(exporter.seal(reader.collect, max(0.0, deadline - time.monotonic())))
            except Exception as error:  # noqa: BLE001 - the SDK raises bare `Exception` when a callback fails or is late
                _log.debug("metrics could not be sealed: %s", error)
                done.append(False)
        return all(done)

    def exit_by(self, deadline: float) -> None:
        """Make `close` end by ``deadline``."""
        for exporter in self._exporters:
            exporter.exit_by(deadline)

    def close(self, timeout_s: float) -> None:
        """Export the metrics a last time and stop."""
        if self._scraped is not None:
            self._scraped.close()
        if self._provider is None:
            return
        try:
            self._provider.shutdown(timeout_s * 1000)
        except Exception as error:  # noqa: BLE001 - the SDK raises bare `Exception` when a reader fails or is late
            _log.debug("metrics could not be shut down: %s", error)

    def in_child(self, attributes: Mapping[str, str | int]) -> None:
        """Record into a provider of the child's own, unless the program brings its own provider.

        The inherited provider's cumulative counts are the parent's; its exporter knows that it is in another process and
        sends nothing.
        """
        if self._provider is None:
            return
        self._resource = self._resource.merge(Resource(attributes))
        self._provider = self._build()
        set_process_provider(self._provider)
        self._bind(self._provider.get_meter(SCOPE, __version__))

    def _build(self) -> MeterProvider:
        self._exporters, self._readers = [], []
        self._seal = None
        readers = [self._reader(choice) for choice in self._choices]
        return MeterProvider([reader for reader in readers if reader], self._resource, shutdown_on_exit=False)

    def _reader(self, choice: ExporterChoice) -> MetricReader | None:
        try:
            if isinstance(choice.factory, type) and issubclass(choice.factory, MetricReader):
                reader: MetricReader = choice.factory()
                return reader
            exporter = self._outlet.metric_exporter(choice, self._choices)
        except Exception as error:  # noqa: BLE001 - a stranger's class may raise anything
            _log.error(
                "the exporter %r (OTEL_METRICS_EXPORTER) could not be made: %s: %s. All other telemetry works on.",
                choice.name, type(error).__name__, error,
            )  # fmt: skip
            return None
        self._exporters.append(exporter)
        with signals_left_alone():  # it starts a thread
            periodic = PeriodicExportingMetricReader(
                exporter, export_interval_millis=self._interval_ms, export_timeout_millis=self._timeout_ms
            )
        self._readers.append(periodic)
        return periodic
