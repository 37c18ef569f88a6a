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
    switched off and spans pass it by.
    """

    name: str = ""
    phase: Phase = Phase.WITNESS

    def on_start(self, span: Span, parent: Context | None) -> None:
        """Look at a live span, or set attributes on it, as it starts."""

    def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
        """Return the spans to hand on: this one, a changed copy, none, or several (held ones)."""
        return (span,)

    def tick(self, now_ns: int) -> Iterable[ReadableSpan]:
        """Return held spans that are due by age. Called about once a second, with Unix nanoseconds."""
        return ()

    def flush(self, timeout_s: float) -> bool:
        """Hand what the step itself sends elsewhere on; False if that failed or took too long."""
        return True

    def close(self, timeout_s: float) -> Iterable[ReadableSpan]:
        """Return what is still held: the program ends."""
        return ()
