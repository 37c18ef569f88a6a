"""Ended spans as those see them who decide what is kept, and what is decided on: the part of a trace that one process made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from otelkit.model.calls import AttributeValue
from otelkit.model.steps import SpanStep

if TYPE_CHECKING:
    from opentelemetry.trace import TraceState


class EndedSpan(Protocol):
    """An ended span, whoever made it. Stage spans are it themselves, so that nothing is made of them to look at them."""

    @property
    def trace_id(self) -> int:
        """128 bits."""

    @property
    def span_id(self) -> int:
        """64 bits."""

    @property
    def parent_id(self) -> int:
        """64 bits; 0: the trace starts here."""

    @property
    def is_local_root(self) -> bool:
        """Whether its parent is none of this process: remote, or nobody."""

    @property
    def name(self) -> str:
        """The span's name."""

    @property
    def start_unix_ns(self) -> int:
        """When it started."""

    @property
    def end_unix_ns(self) -> int:
        """When it ended."""

    @property
    def duration_ns(self) -> int:
        """Never below 0."""

    @property
    def failed(self) -> bool:
        """Whether an error left it, or its status says so."""

    @property
    def error_type(self) -> str | None:
        """Qualified name of the error's class (`error.type`), if it failed and that is known."""

    @property
    def error_frame(self) -> str | None:
        """Where the error was raised: the innermost line of the program's own code, ``path:line function``, if known."""

    @property
    def stage_name(self) -> str | None:
        """The stage whose call it is; None: it is none."""

    @property
    def pipeline(self) -> str | None:
        """The stage's pipeline; None: it is no stage call."""

    @property
    def trace_state(self) -> TraceState | None:
        """What travels with the trace; None: nothing. `otelkit.sampling.tracestate` reads and writes its ``th`` and ``rv``."""

    @property
    def held_bytes(self) -> int:
        """Memory it takes while it is held, estimated; rather too much than too little."""

    def attribute(self, key: str) -> Any:  # Any: attribute values, the user's too
        """Return the attribute's value, None if it has none."""

    def marked(self, trace_state: TraceState | None, attributes: Mapping[str, AttributeValue]) -> Self:
        """Return the span as it is to leave. Whoever asks forgets the span itself: it may be the same object.

        Args:
            trace_state: In place of its own; says its sampling probability (``th``).
            attributes: Besides its own, over which they win; empty: none.
        """


class FragmentEnd(Enum):
    """Why a fragment is decided on now."""

    ROOT = "root"
    """Its local root has ended: nothing more is to come."""
    LATE = "late"
    """It has no local root: that has ended already, or ends now and parts of its trace were decided on before."""
    AGE = "age"
    """It has been held for as long as one may be."""
    PRESSURE = "pressure"
    """Others need its room."""
    EXIT = "exit"
    """The program ends."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells one error from another."""

    error_type: str
    """Qualified name of the error's class; empty if it is not known."""
    frame: str
    """As in `EndedSpan.error_frame`; empty if it is not known."""
    stage: str
    """The stage that failed; the span's name where it is no stage's."""


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A fragment: the spans of one trace below one local root, as far as they have ended. What a decision may look at."""

    trace_id: int
    """For messages only: a decision that looks at it is biased."""
    randomness: int
    """R, from 0 to 2⁵⁶ - 1. To be compared with a threshold, and for nothing else."""
    pipeline: str
    """Of the local root; of the outermost span known where that has not ended. Empty: no stage's."""
    stage: str
    """Stage of the same span; its name where it is no stage's."""
    failed: bool
    """Whether any of its spans failed."""
    fingerprints: tuple[Fingerprint, ...]
    """Of its errors, in the order in which the spans ended, each once; at most 8, of the first 256 spans that failed."""
    duration_ns: int
    """Of the local root; of the outermost span known where that has not ended. What it left running is not in it."""
    spans: int
    """At least 1."""
    end: FragmentEnd
    parent_threshold: int | None
    """The threshold at which whoever decided before us has kept the trace; ours can't be lower. 0: it starts here, or all of
    them are kept. None: kept at a probability that nobody tells, so that ours can't be told either."""
    forced: bool = False
    """Somebody asked for this trace (debugging): it is kept whatever it is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a fragment."""

    keep: bool
    threshold: int | None
    """T, from 0 to 2⁵⁶: kept iff randomness >= T. Also for what is not kept. None: kept, and the probability is unknown."""
    reason: str
    """`otelkit.sampling.reason` of the local root."""
    rate: float
    """`otelkit.sampling.rate` of the local root: the probability that belongs to the threshold, from 0 to 1."""


class TraceJudge(Protocol):
    """Decides on fragments. Asked by one thread at a time."""

    def judge(self, trace: TraceSummary, now_ns: int) -> Verdict | None:
        """Return whether the fragment is kept; None: that is open until others have ended, and `decided` will say.

        ``now_ns``: Unix nanoseconds.
        """

    def decided(self, now_ns: int, *, at_once: bool = False) -> Sequence[tuple[TraceSummary, Verdict]]:
        """Return the verdicts on fragments that were open, each with the very summary that it was asked about.

        Called about once a second.

        Args:
            now_ns: Unix nanoseconds.
            at_once: Nothing may stay open: the program ends, or memory is short.
        """


@runtime_checkable
class YieldingJudge(Protocol):
    """A `TraceJudge` with open verdicts that can do with less memory."""

    def relieve(self, now_ns: int) -> Sequence[tuple[TraceSummary, Verdict]]:
        """Return verdicts on some of what is open, since memory is short; the rest may stay open.

        Where it returns none, traces that have not ended have to go first; then everything open is asked for at once.
        """


class Retention(Protocol):
    """Sees every fragment with its verdict, and may hold back for a while what is not kept. Asked by one thread at a time."""

    def joined(self) -> None:
        """Take note that fragments will come. One that is only planned is made, too, and must change nothing until now."""

    def judged(self, spans: Sequence[EndedSpan], trace: TraceSummary, verdict: Verdict, now_ns: int) -> None:
        """See a fragment; take ``spans`` if the verdict is not to keep them, and they are wanted. Then `held` counts them."""

    def released(self, now_ns: int) -> Sequence[EndedSpan]:
        """Return spans that are to leave after all, marked; and forget those that have waited too long. Once a second."""

    def held(self) -> int:
        """Return how many spans it holds."""

    def forget(self) -> None:
        """Drop everything, and make locks anew in a forked child."""


class EndedSpanStep(SpanStep):
    """A step that takes ended spans as they are: the spans of stages never become spans of the SDK for it.

    `on_ended` is asked in place of `on_end`, with whole batches. Everything else is as in `SpanStep`, with `EndedSpan`
    where that has ``ReadableSpan``; what it returns are spans that it was given, or that `EndedSpan.marked` has made of them.
    """

    def joined(self) -> None:
        """Take note that the step is part of a chain: ended spans will come."""

    def on_ended(self, batch: Sequence[EndedSpan]) -> Sequence[EndedSpan]:
        """Return the spans to hand on."""
        return batch

    def due(self, now_ns: int) -> Sequence[EndedSpan]:
        """Return held spans that are due. Called about once a second, with Unix nanoseconds; in place of `tick`."""
        return ()

    def rest(self, timeout_s: float) -> Sequence[EndedSpan]:
        """Return what is still held: the program ends, or the step was switched off; in place of `close`.

        What it goes on holding counts as lost, for want of time. ``timeout_s``: infinite if the program goes on.
        """
        return ()
