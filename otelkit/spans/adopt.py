"""Span processors of the SDK, run as steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from otelkit.model.steps import Phase, SpanStep

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span


class AdoptedProcessor(SpanStep):
    """Any SDK ``SpanProcessor`` as a step: isolated. Of an ended span it sees what REDACT steps, if any, have made.

    ``on_start`` runs in the user's thread with the live span, as with the SDK; everything else runs on the chain's thread.
    Forks are the processor's own business, as they are with the SDK; the stock ones handle them.

    Args:
        name: What it is called in plans and messages; the name of its entry point.
        processor: Ours from now on: it is shut down with the chain.
    """

    phase = Phase.EXPORT

    def __init__(self, name: str, processor: SpanProcessor) -> None:
        self.name = name
        self.processor = processor

    def on_start(self, span: Span, parent: Context | None) -> None:
        self.processor.on_start(span, parent_context=parent)

    def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
        self.processor.on_end(span)
        return (span,)

    def flush(self, timeout_s: float) -> bool:
        # Many processors return nothing, which is no failure.
        return self.processor.force_flush(int(timeout_s * 1000)) is not False

    def close(self, timeout_s: float) -> Iterable[ReadableSpan]:
        self.processor.shutdown()
        return ()
