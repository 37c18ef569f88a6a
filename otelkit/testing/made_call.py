"""A stage call made by hand, for tests of call observers."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.trace import Span, get_current_span

from otelkit import names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit.model.calls import (
    AttributeValue,
    Outcome,
    Stage,
    StageCall,
    StageKind,
    StageSeries,
    error_type_of,
    outcome_of,
)
from otelkit.model.contexts import NO_SCOPE


class MadeCall(StageCall):
    """A call that no stage makes: hand it to an observer's ``opened``, end it, hand it to ``closed`` and ``settled``.

    Args:
        stage: Its stage, or only its name.
        pipeline: Its pipeline.
        series: What it belongs to together with other calls; None: to a series of its own.
        scope: The context in which it runs; the span in it is the call's.
        enclosing: The call that surrounds it.
        clock: Measures its duration.
    """

    __slots__ = ("_clock", "_span_context", "described")

    def __init__(
        self,
        stage: Stage | str,
        pipeline: str = "pipeline",
        *,
        series: StageSeries | None = None,
        scope: Context = NO_SCOPE,
        enclosing: StageCall | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        stage = Stage(stage, StageKind.FUNCTION) if isinstance(stage, str) else stage
        self.series = series or StageSeries(stage, pipeline)
        self.scope = scope
        self.enclosing = enclosing
        self.outcome = None
        self.described: dict[str, AttributeValue] = {}
        """What arguments have said."""
        self._span_context = get_current_span(scope).get_span_context()
        self._clock = clock
        self.duration_ns = -1
        self.start_ns = clock.monotonic_ns()
        self.series.running.add(self)

    @property
    def sampled(self) -> bool:
        """Whether the span in the scope is sampled."""
        return self._span_context.trace_flags.sampled

    @property
    def recording(self) -> bool:
        """As ``sampled``."""
        return self.sampled

    @property
    def trace_id(self) -> int:
        """Of the span in the scope."""
        return self._span_context.trace_id

    @property
    def span_id(self) -> int:
        """Of the span in the scope."""
        return self._span_context.span_id

    @property
    def item_id(self) -> str | None:
        """As described, or as set."""
        said = self.described.get(names.ITEM_ID)
        return said if isinstance(said, str) else None

    def describe(self, item: str | None, described: list[tuple[str, AttributeValue]] | None) -> None:
        """Keep what arguments say."""
        self.described.update(described or ())
        if item is not None:
            self.described[names.ITEM_ID] = item

    def end(
        self, error: BaseException | None = None, *, outcome: Outcome | None = None, duration_ns: int | None = None
    ) -> None:
        """End the call as a stage would that ``error`` leaves; the outcome and the duration may be given instead."""
        self.duration_ns = self.now() - self.start_ns if duration_ns is None else duration_ns
        self.error = error
        self.outcome = outcome or outcome_of(error)
        self.error_type = error_type_of(error) if error is not None and self.outcome is Outcome.ERROR else None
        self.series.running.discard(self)

    @property
    def span(self) -> Span:
        """The span in the scope."""
        return get_current_span(self.scope)

    def set(self, key: str, value: AttributeValue) -> None:
        """Keep an attribute."""
        self.described[key] = value

    def close(self, error: BaseException | None = None) -> None:
        """End the call as `end` does; repeated calls do nothing."""
        if self.duration_ns < 0:
            self.end(error)

    @property
    def now(self) -> Callable[[], int]:
        """Returns monotonic nanoseconds."""
        return self._clock.monotonic_ns
