"""A stage's span beside one that the stock SDK has made in the same situation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from opentelemetry.trace import Span, SpanContext, Tracer

from otelkit import names
from otelkit._guard import Barrier
from otelkit.model.calls import Stage, StageCall, StageKind, StageSeries
from otelkit.spans.light_span import LightSpan
from otelkit.spans.light_spans import LightSpans
from otelkit.testing import CountingIds
from tests.spans.otlp.generated import decoded
from tests.spans.otlp.stage_calls import RESOURCE, SCOPE, encoder

SERIES = StageSeries(Stage("parse", StageKind.FUNCTION, function="steps.parse"), "demo")
AT_START = {
    names.PIPELINE_NAME: "demo",
    names.STAGE_NAME: "parse",
    names.STAGE_KIND: "function",
    names.CODE_FUNCTION: "steps.parse",
}
AT_END = {names.STAGE_OUTCOME: "ok", names.ITEMS_OK: 1}


class SideBySide:
    """Opens stages of ours and spans of the stock SDK, with the same sampler, limits and kind of ids."""

    def __init__(
        self,
        sampler: Sampler = ALWAYS_ON,
        limits: SpanLimits | None = None,
        ids: Callable[[], IdGenerator] = CountingIds,
    ) -> None:
        self.ended: list[StageCall] = []
        self.light = LightSpans(
            ended=self.ended.append,
            faults=Barrier("test"),
            resource=lambda: RESOURCE,
            scope=SCOPE,
            sampler=sampler,
            id_generator=ids(),
            limits=limits,
        )
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler, RESOURCE, shutdown_on_exit=False, id_generator=ids(), span_limits=limits)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer: Tracer = provider.get_tracer("otelkit", "1.2")

    def ours(self, context: Context | None = None) -> LightSpan:
        return self.light.open(SERIES, context or Context(), None)

    def stock(self, context: Context | None = None, **attributes: Any) -> Span:
        return self.tracer.start_span("parse", context or Context(), attributes={**AT_START, **attributes})

    def exported(self) -> ReadableSpan:
        """Return the span of the stock SDK that was exported last."""
        return self.exporter.get_finished_spans()[-1]


def told(span: ReadableSpan, *, counts: bool = True) -> str:
    """Return what a span says but for its ids and times, with or without the ``counts`` of dropped attributes.

    As text, since a NaN equals nothing.
    """
    facts = {
        "name": span.name,
        "attributes": (list((span.attributes or {}).items()), span.dropped_attributes * counts),
        "events": [
            (each.name, each.timestamp, list((each.attributes or {}).items()), each.dropped_attributes * counts)
            for each in span.events
        ],
        "dropped events": span.dropped_events,
        "links": [
            (each.context, list((each.attributes or {}).items()), each.dropped_attributes * counts)
            for each in span.links
        ],
        "dropped links": span.dropped_links,
        "status": (span.status.status_code, span.status.description),
        "kind": span.kind,
    }
    return repr(facts)


def told_in_otlp(span: Message, *, counts: bool = True) -> bytes:
    """Return the same of a span as a receiver reads it."""
    kept = Message()
    kept.CopyFrom(span)
    for field in ("trace_id", "span_id", "start_time_unix_nano", "end_time_unix_nano"):
        kept.ClearField(field)
    if not counts:
        for each in (kept, *kept.events, *kept.links):
            each.ClearField("dropped_attributes_count")
    return kept.SerializeToString(deterministic=True)


def received(body: bytes) -> Message:
    """Return the only span in a request."""
    (resource,) = decoded(body).resource_spans
    return resource.scope_spans[0].spans[0]


def by_us(span: LightSpan) -> Message:
    """Return what a receiver reads of a stage's span."""
    return received(encoder().encode([span]).body)


def by_stock(span: ReadableSpan) -> Message:
    """Return what a receiver reads of a span that the stock encoder has written."""
    return received(encode_spans([span]).SerializeToString())


def identity(context: SpanContext | None) -> tuple[Any, ...] | None:
    """Return all that a span context says; its own equality leaves nothing out but is hard to read."""
    if context is None:
        return None
    return (
        context.trace_id,
        context.span_id,
        context.is_remote,
        int(context.trace_flags),
        context.trace_state.to_header(),
    )
