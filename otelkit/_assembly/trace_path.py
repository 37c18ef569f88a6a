"""Spans: sampler, chain of steps, exporters; behind a provider of ours or one that the program has set."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Tracer
from opentelemetry.trace import TracerProvider as AnyTracerProvider

from otelkit._assembly.environment import number, whole
from otelkit._assembly.id_generator import choose_id_generator
from otelkit._assembly.outlet import Outlet
from otelkit._assembly.sampler import choose_sampler
from otelkit._assembly.sdk_private import update_resource
from otelkit._version import __version__
from otelkit.delivery.exporters import DeliveredSpanExporter
from otelkit.model.blueprint import Blueprint, Offered
from otelkit.model.steps import SpanStep
from otelkit.spans.adopt import AdoptedProcessor
from otelkit.spans.chain import Chain
from otelkit.spans.processor import ChainProcessor

_log = logging.getLogger("otelkit.install")

SCOPE: Final = "otelkit"


class TracePath:
    """The way of spans out of the process.

    Args:
        blueprint: Its steps and samplers.
        outlet: Where telemetry goes.
        resource: Of this process, for a provider of ours.
        taken_over: Span processors that a configuration file has named; they stand behind the chain.
    """

    def __init__(
        self, blueprint: Blueprint, outlet: Outlet, resource: Resource, taken_over: Sequence[SpanProcessor] = ()
    ) -> None:
        env, settings = outlet.env, outlet.settings
        self._account = outlet.ledger
        present = trace.get_tracer_provider()
        self._provider: AnyTracerProvider
        self.exporters: list[DeliveredSpanExporter]
        self._ours = isinstance(present, trace.ProxyTracerProvider)
        if self._ours:
            sampler = choose_sampler(blueprint.samplers, env)
            provider = TracerProvider(
                sampler=sampler, resource=resource, id_generator=choose_id_generator(env), shutdown_on_exit=False
            )
            trace.set_tracer_provider(provider)
            self._provider = provider
            self.exporters = outlet.span_exporters(outlet.choices("traces"))
        else:
            # The program's own, with its own exporters: ours would send everything twice.
            self._provider = present
            self.exporters = []
        steps = (*blueprint.steps, *(_adopted(processor, index) for index, processor in enumerate(taken_over, 1)))
        self.chain = Chain(steps, self._deliver, account=outlet.ledger)
        self.processor = ChainProcessor(
            self.chain,
            outlet.ledger,
            limit=whole(env, "OTEL_BSP_MAX_QUEUE_SIZE", settings.whole("buffer_spans")),
            batch=whole(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", settings.whole("batch_spans")),
            delay_s=number(env, "OTEL_BSP_SCHEDULE_DELAY", settings.number("export_delay_s") * 1000, minimum=1) / 1000,
            exit_limit_s=settings.number("exit_limit_s"),
            destinations=self.exporters,
        )
        if isinstance(self._provider, TracerProvider):
            self._provider.add_span_processor(self.processor)
        else:
            _log.warning(
                "the tracer provider is a %s.%s, not the OpenTelemetry SDK's; stages use it, but span steps can't see its "
                "spans.", type(present).__module__, type(present).__qualname__,
            )  # fmt: skip

    @property
    def tracer(self) -> Tracer:
        """The tracer for stage spans."""
        return self._provider.get_tracer(SCOPE, __version__)

    def flush(self, timeout_s: float) -> bool:
        """Send what is pending."""
        return self.processor.force_flush(int(timeout_s * 1000))

    def exit_by(self, deadline: float) -> None:
        """Make `close` end by ``deadline``."""
        self.processor.exit_by(deadline)

    def close(self, timeout_s: float) -> None:
        """Send or spool what is pending, then stop."""
        self.processor.shutdown()

    def in_child(self, attributes: Mapping[str, str | int]) -> None:
        """Give the child's spans a resource of the child's own."""
        if isinstance(self._provider, TracerProvider):
            update_resource(self._provider, attributes)
        for exporter in self.exporters:
            exporter.prepare()

    def _deliver(self, batch: Sequence[ReadableSpan]) -> None:
        if not self.exporters:
            # Whoever else exports them (a step, the program's own processors) has them already.
            self._account.delivered("traces", len(batch))
        for exporter in self.exporters:
            exporter.export(batch)


def _adopted(processor: SpanProcessor, index: int) -> Offered[SpanStep]:
    name = f"config-file-{index}-{type(processor).__name__}"
    return Offered("OTEL_CONFIG_FILE", None, AdoptedProcessor(name, processor))
