"""The seam between a stage call and the span behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from otelkit.model.calls import AttributeValue, Stage

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span


class StageSpans(Protocol):
    """Makes the spans of stage calls. Replaceable: today the stock SDK's spans, later lighter ones."""

    def start(
        self, stage: Stage, pipeline: str, parent: Context | None, attributes: Mapping[str, AttributeValue]
    ) -> Span:
        """Start a span named after the stage, as a child of what is current in ``parent`` (None: the current context).

        The caller makes it current and ends it. It carries `pipeline.name`, `pipeline.stage.name`, `pipeline.stage.kind`,
        `code.function.name` and ``attributes``; the head sampler has decided on it.
        """
