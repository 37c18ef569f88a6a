"""The attributes of a stage span, whoever makes it, that come before and after those of its one call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from otelkit import names
from otelkit.model.calls import MIN_WAIT_NS, Stage, StageCall

LAST_KEYS: Final = (
    names.STAGE_OUTCOME,
    names.ITEMS_OK,
    names.ITEMS_FAILED,
    names.ITEMS_SKIPPED,
    names.STAGE_WAIT_S,
    names.STAGE_BLOCKED_S,
    names.ERROR_TYPE,
)

OWN_KEYS: Final = frozenset(
    (
        names.PIPELINE_NAME,
        names.STAGE_NAME,
        names.STAGE_KIND,
        names.CODE_FUNCTION,
        names.PIPELINE_RUN_ID,
        names.ITEM_ID,
        *LAST_KEYS,
    )
)
"""What a stage span says by itself, without its arguments, its stage's own attributes and what is set on it."""


def first_attributes(
    stage: Stage, pipeline: str, run_id: str | None = None
) -> dict[str, Any]:  # Any: attribute values, the user's too
    """Return what all spans of a stage in one run begin with."""
    first: dict[str, Any] = {  # Any: see above
        names.PIPELINE_NAME: pipeline,
        names.STAGE_NAME: stage.name,
        names.STAGE_KIND: stage.kind.value,
    }
    if stage.function is not None:
        first[names.CODE_FUNCTION] = stage.function
    first.update(stage.attributes)
    if run_id is not None:
        first[names.PIPELINE_RUN_ID] = run_id
    return first


def last_attributes(call: StageCall) -> Iterator[tuple[str, str | int | float]]:
    """Yield how the call ended, as far as there is something to say; keys are of `LAST_KEYS`, in their order."""
    if call.outcome is not None:
        yield names.STAGE_OUTCOME, call.outcome.value
        for key, handled in zip(LAST_KEYS[1:4], call.items(), strict=True):
            if handled:
                yield key, handled
    if call.waited_ns >= MIN_WAIT_NS:
        yield names.STAGE_WAIT_S, call.waited_ns / 1e9
    if call.blocked_ns >= MIN_WAIT_NS:
        yield names.STAGE_BLOCKED_S, call.blocked_ns / 1e9
    if call.error_type is not None:
        yield names.ERROR_TYPE, call.error_type
