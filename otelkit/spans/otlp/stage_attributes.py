"""The attributes of a stage span that come before and after those of its one call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from otelkit import names
from otelkit.model.calls import MIN_WAIT_NS

if TYPE_CHECKING:
    from otelkit.model.calls import StageSeries
    from otelkit.spans.light_span import LightSpan

LAST_KEYS: Final = (
    names.STAGE_OUTCOME,
    names.ITEMS_OK,
    names.ITEMS_FAILED,
    names.ITEMS_SKIPPED,
    names.STAGE_WAIT_S,
    names.STAGE_BLOCKED_S,
    names.ERROR_TYPE,
)


def first_attributes(
    series: StageSeries, run_id: str | None
) -> dict[str, Any]:  # Any: attribute values, the user's too
    """Return what all spans of a stage in one run begin with."""
    stage = series.stage
    first: dict[str, Any] = {  # Any: see above
        names.PIPELINE_NAME: series.pipeline,
        names.STAGE_NAME: stage.name,
        names.STAGE_KIND: stage.kind.value,
    }
    if stage.function is not None:
        first[names.CODE_FUNCTION] = stage.function
    first.update(stage.attributes)
    if run_id is not None:
        first[names.PIPELINE_RUN_ID] = run_id
    return first


def last_attributes(span: LightSpan) -> Iterator[tuple[str, str | int | float]]:
    """Yield how the call ended, as far as there is something to say; keys are of `LAST_KEYS`, in their order."""
    if span.outcome is not None:
        yield names.STAGE_OUTCOME, span.outcome.value
        for key, handled in zip(LAST_KEYS[1:4], span.items(), strict=True):
            if handled:
                yield key, handled
    if span.waited_ns >= MIN_WAIT_NS:
        yield names.STAGE_WAIT_S, span.waited_ns / 1e9
    if span.blocked_ns >= MIN_WAIT_NS:
        yield names.STAGE_BLOCKED_S, span.blocked_ns / 1e9
    if span.error_type is not None:
        yield names.ERROR_TYPE, span.error_type
