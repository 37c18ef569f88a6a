"""The spans of stage calls, made by the stock SDK."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.trace import Span, Tracer

from otelkit.model.calls import Stage
from otelkit.model.stage_attributes import first_attributes


class SdkStageSpans:
    """Starts stage spans with a tracer. Implements `model.spans.StageSpans`.

    Args:
        tracer: Of the provider that otelkit has installed or joined; its sampler decides.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start(self, stage: Stage, pipeline: str, parent: Context | None) -> Span:
        """Start the span of one call. All its attributes are there for the sampler to see."""
        attributes = first_attributes(stage, pipeline)
        # The stages set status and events themselves, by outcome: a cancelled call is not an error.
        return self._tracer.start_span(
            stage.name, parent, attributes=attributes, record_exception=False, set_status_on_exception=False
        )
