"""The seams between a stage call and the span behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from otelkit.model.calls import Stage, StageCall, StageSeries

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span


class CallOpener(Protocol):
    """Opens stage calls, each with its span."""

    def open(self, series: StageSeries, context: Context, run_id: str | None) -> StageCall:
        """Open a call below what is current in ``context``; its ``scope`` has it current.

        It has been added to ``series.running``; closing it takes it out and hands it on to be settled. ``run_id`` is the id of
        the run it belongs to, if any. May raise what the program's own sampler, id generator or span processors raise.
        """


class LightOpener(CallOpener, Protocol):
    """Opens calls that are their own spans."""

    ended: Callable[[StageCall], object]
    """Takes each call that has ended; must not raise."""

    def watch(self, watchers: Sequence[Callable[[StageCall], None]]) -> None:
        """Have each call seen by ``watchers`` as it ends, in the user's thread."""


class StageSpans(Protocol):
    """Makes spans for stage calls with a tracer of somebody else's, where there is no provider of ours."""

    def start(self, stage: Stage, pipeline: str, parent: Context | None) -> Span:
        """Start a span named after the stage, as a child of what is current in ``parent`` (None: the current context).

        The caller makes it current and ends it. It carries `pipeline.name`, `pipeline.stage.name`, `pipeline.stage.kind`,
        `code.function.name` and the stage's own attributes; the head sampler has decided on it.
        """
