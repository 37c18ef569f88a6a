"""otelkit's own span steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from otelkit import names
from otelkit.model.steps import Phase, SpanStep
from otelkit.plugin import hookimpl
from otelkit.settings import Settings
from otelkit.stages.run import current_run_id

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span


class RunId(SpanStep):
    """Writes `pipeline.run.id` on every span, whoever made it, so that a run is whole."""

    name = "run_id"
    phase = Phase.ENRICH
    stage_spans = False  # they are made with it

    def on_start(self, span: Span, parent: Context | None) -> None:
        run_id = current_run_id(parent)
        if run_id is not None:
            span.set_attribute(names.PIPELINE_RUN_ID, run_id)


@hookimpl
def otelkit_span_steps(settings: Settings) -> Iterable[SpanStep]:
    return (RunId(),)
