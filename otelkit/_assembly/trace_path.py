"""Spans: sampler, chain of steps, exporters; behind a provider of ours or one that the program has set."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Tracer
from opentelemetry.trace import TracerProvider as AnyTracerProvider

from otelkit._assembly.environment import number, whole
from otelkit._assembly.guests import Guests
from otelkit._assembly.id_generator import choose_id_generator
from otelkit._assembly.judging import with_judge
from otelkit._assembly.learning import have_remembered
from otelkit._assembly.otlp_spans import OtlpSpans
from otelkit._assembly.outlet import Outlet
from otelkit._assembly.provider import Provider
from otelkit._assembly.sampler import choose_sampler
from otelkit._assembly.sdk_private import update_resource
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import Barrier
from otelkit._version import __version__
from otelkit.model.blueprint import Blueprint, Offered
from otelkit.model.signals import Account
from otelkit.model.steps import SpanStep
from otelkit.spans.adopt import AdoptedProcessor
from otelkit.spans.chain import Chain
from otelkit.spans.ended import Ended, readable_spans
from otelkit.spans.light_span import LightSpan
from otelkit.spans.light_spans import LightSpans
from otelkit.spans.outbox import Outbox

if TYPE_CHECKING:
    from otelkit.delivery.exporters import DeliveredSpanExporter

_log = logging.getLogger("otelkit.install")

SCOPE: Final = "otelkit"

_HELP_AT: Final = 8192
"""Ended calls that wait to be written when whoever ends the next one starts to help."""


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
        self._resource = resource
        present = trace.get_tracer_provider()
        self._provider: AnyTracerProvider
        self._own: Provider | None = None
        # The SDK counts its own spans then, and stage spans are to be among them.
        self._counts_sdk_spans = env.get("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "").strip().lower() == "true"
        self._otlp: list[OtlpSpans] = []
        self._others: list[DeliveredSpanExporter] = []
        self._others_account: Account | None = None
        """Where it counts what these lose; None where none of them counts."""
        if isinstance(present, trace.ProxyTracerProvider):
            self._sampler = choose_sampler(blueprint.samplers, env, settings).say().sampler
            self._id_generator = choose_id_generator(env)
            self._own = Provider(
                sampler=self._sampler, resource=resource, id_generator=self._id_generator, shutdown_on_exit=False
            )
            trace.set_tracer_provider(self._own)
            self._provider = self._own
            self._choose_destinations(outlet)
        else:
            # The program's own, with its own exporters: ours would send everything twice.
            self._provider = present
        self._guests = Guests(self._own) if self._own is not None else None
        sampler = getattr(self._provider, "sampler", None)
        steps = (
            # Without a provider of ours, what a configuration file names still leaves by our chain. What leaves by exporters
            # of the program's own does not: a sampler that judges says then that it keeps everything.
            *(with_judge(blueprint.steps, sampler) if self._own is not None or taken_over else blueprint.steps),
            *(_adopted(processor, index) for index, processor in enumerate(taken_over, 1)),
        )
        self.chain = Chain(steps, self._deliver, account=outlet.ledger)
        # Strangers' steps and exporters may wait for anything; without them, who makes spans may help to write them.
        waits = self.chain.may_wait or bool(self._others)
        limit = whole(env, "OTEL_BSP_MAX_QUEUE_SIZE", settings.whole("buffer_spans"))
        self.outbox = Outbox(
            self.chain,
            outlet.ledger,
            limit=limit,
            batch=whole(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", settings.whole("batch_spans")),
            delay_s=number(env, "OTEL_BSP_SCHEDULE_DELAY", settings.number("export_delay_s") * 1000, minimum=1) / 1000,
            help_at=None if waits else _HELP_AT,
            exit_limit_s=settings.number("exit_limit_s"),
            destinations=(*self._otlp, *self._others, *([self._guests] if self._guests else ())),
        )
        if self._own is not None:
            self._own.add_own(self.outbox)
        elif isinstance(self._provider, TracerProvider):
            self._provider.add_span_processor(self.outbox)
        else:
            _log.warning(
                "the tracer provider is a %s.%s, not the OpenTelemetry SDK's; stages use it, but span steps can't see its "
                "spans.", type(present).__module__, type(present).__qualname__,
            )  # fmt: skip

    def _choose_destinations(self, outlet: Outlet) -> None:
        choices = outlet.choices("traces")
        for choice in choices:
            outgoing = outlet.outgoing(choice, choices)
            if outgoing is not None:
                self._otlp.append(OtlpSpans(outgoing, outlet.account_of(choice, choices), self._resource))
            else:
                self._others.append(outlet.span_exporter(choice, choices))
                if outlet.account_of(choice, choices) is outlet.ledger:
                    self._others_account = outlet.ledger

    @property
    def sampler(self) -> object:
        """The head sampler of the provider, whoever's it is; None: it does not say."""
        return getattr(self._provider, "sampler", None)

    @property
    def tracer(self) -> Tracer:
        """The tracer for spans of ours that are no stage calls, and for stages where the provider is not ours."""
        return self._provider.get_tracer(SCOPE, __version__)

    def light_spans(self, clock: Clock = SYSTEM_CLOCK) -> LightSpans | None:
        """Return what makes light spans; None where the provider is the program's, or is to count the SDK's spans."""
        provider = self._own
        if provider is None or self._counts_sdk_spans:
            return None
        light = LightSpans(
            ended=self.outbox.ended,
            faults=Barrier("light spans"),
            resource=lambda: self._resource,
            scope=InstrumentationScope(SCOPE, __version__, ""),
            sampler=self._sampler,
            id_generator=self._id_generator,
            started=self._show_start if self.chain.stage_starters else None,
            clock=clock,
        )
        provider.tell_guests(light.admit)
        return light

    def _show_start(self, span: LightSpan, context: Context) -> None:
        self.chain.on_stage_start(span, context)

    def flush(self, timeout_s: float) -> bool:
        """Send what is pending."""
        deadline = time.monotonic() + timeout_s
        flushed = self.outbox.force_flush(int(timeout_s * 1000))
        if self._guests is not None:
            flushed = self._guests.flush(max(0.0, deadline - time.monotonic())) and flushed
        return flushed

    def seal_from_now(self) -> None:
        """Keep spans safe from now on until they are delivered."""
        for destination in self._otlp:
            destination.seal_from_now()

    def seal(self, timeout_s: float) -> bool:
        """Have what is pending kept safe."""
        deadline = time.monotonic() + timeout_s
        sealed = self.outbox.seal(timeout_s)
        if self._guests is not None:
            sealed = self._guests.flush(max(0.0, deadline - time.monotonic())) and sealed
        return sealed

    def exit_by(self, deadline: float) -> None:
        """Make `close` end by ``deadline``."""
        self.outbox.exit_by(deadline)

    def close(self, timeout_s: float) -> None:
        """Send or spool what is pending, then stop."""
        self.outbox.shutdown()
        have_remembered(getattr(self._provider, "sampler", None))

    def in_child(self, attributes: Mapping[str, str | int]) -> None:
        """Give the child's spans a resource of the child's own."""
        if isinstance(self._provider, TracerProvider):
            update_resource(self._provider, attributes)
        self._resource = self._resource.merge(Resource(attributes))
        for destination in self._otlp:
            destination.in_child(self._resource)
            destination.prepare()
        for exporter in self._others:
            exporter.prepare()

    def _deliver(self, batch: Sequence[Ended]) -> None:
        if not self._otlp and not self._others:
            # Whoever else exports them (a step, the program's own processors) has them already.
            self._account.delivered("traces", len(batch))
        for destination in self._otlp:
            destination.deliver(batch)
        if self._others:
            readable = readable_spans(batch, self._others_account)
            for exporter in self._others:
                exporter.export(readable)


def _adopted(processor: SpanProcessor, index: int) -> Offered[SpanStep]:
    name = f"config-file-{index}-{type(processor).__name__}"
    return Offered("OTEL_CONFIG_FILE", None, AdoptedProcessor(name, processor))
