"""The steps that every ended span passes, and their order."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span


class Phase(IntEnum):
    """Where a step stands. Steps of one phase run in the order of their names."""

    GATE = 0
    """Drop what must never be processed."""
    ENRICH = 1
    """Add to spans; the last phase that sees raw values."""
    REDACT = 2
    """Take secrets out."""
    WITNESS = 3
    """Look, and change nothing."""
    JUDGE = 4
    """Decide what is kept (tail sampling)."""
    EXPORT = 5
    """Hand on: third-party span processors, then the exporters."""


class SpanStep:
    """One step on the path of a span. Subclass it, give it a ``name`` and a ``phase``, override what you need.

    ``on_start`` runs in the user's thread and must be quick; all else runs on one background thread at a time.
    Whatever a step raises is contained, counted and attributed to its distribution; after ten faults in a row the step is
    switched off and spans pass it by. An ``on_start`` that keeps the user waiting for 0.1 s or longer is a fault too.
    Steps of the phase WITNESS must return the span they were given. From WITNESS on, ``on_start`` still gets the live span
    with raw values, because stock span processors need it; what leaves the process is what REDACT has made.
    """

    name: str = ""
    phase: Phase = Phase.WITNESS
    stage_spans: bool = True
    """Whether ``on_start`` is to see the spans of stages too. False where what it would do is done for them anyway."""

    def on_start(self, span: Span, parent: Context | None) -> None:
        """Look at a live span, or set attributes on it, as it starts."""

    def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
        """Return the spans to hand on: this one, a changed copy, none, or several (held ones)."""
        return (span,)

    def tick(self, now_ns: int) -> Iterable[ReadableSpan]:
        """Return held spans that are due by age. Called about once a second, with Unix nanoseconds."""
        return ()

    def held(self) -> int:
        """Return how many spans the step holds back now.

        Spans that went in and are neither handed on nor held count as dropped on purpose. A step that overrides `tick` or
        `close` but not this is taken to hold everything that it has not handed on.
        """
        return 0

    def flush(self, timeout_s: float) -> bool:
        """Hand what the step itself sends elsewhere on; False if that failed or took too long."""
        return True

    def close(self, timeout_s: float) -> Iterable[ReadableSpan]:
        """Return what is still held: the program ends, or the step was switched off."""
        return ()

    def after_fork(self) -> None:
        """Start anew in a forked child: make locks again, forget held spans. They are the parent's."""
