"""What the embedded store answers: runs, stages, traces. Field names are those of the CLI's JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from otelkit.model.calls import AttributeValue


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage of one run, over all its processes."""

    name: str
    calls: int
    """Ended calls."""
    failed: int
    """Ended with an error."""
    items: int
    """ok + failed + skipped."""
    p50_s: float | None
    """Median duration; None without ended calls. Read from a histogram: at most 5 % off where ``source`` is ``spans``, else
    in the right bucket of the metric, and there where the spans that arrived say."""
    p95_s: float | None
    busy: float
    """Share of the run's wall time in which the stage ran, summed over workers: above 1.0 with several workers."""
    pipeline: str | None = None
    active: int = 0
    """Calls running now, as far as the last metrics said."""
    calls_per_s: float | None = None
    """Over the last 5 seconds while the run goes on; over all of it once it is over. None: not known yet."""
    items_per_s: float | None = None
    depth: int | None = None
    """Items waiting in the watched queue named after this stage, if any."""
    items_failed: int = 0
    """Of the items, those that failed; also in calls that succeeded."""
    items_skipped: int = 0
    source: Literal["spans", "metrics"] = "spans"
    """Where the numbers come from: spans, each counted for as many as its sampling probability says, or metrics, if they know
    of more calls or count exactly what spans only estimate."""
    working: float | None = None
    """Share of `RunRow.measured_s` in which the stage did its own work, summed over workers: neither in stages that it calls,
    nor starved, nor blocked. None: no metrics tell."""
    starved: float | None = None
    """The same, of the time in which it waited for a watched queue to hand it an item."""
    blocked: float | None = None
    """The same, of the time in which a watched queue was too full to take its item, or a generator's consumer was busy."""
    takes_from: tuple[str, ...] = ()
    """Watched queues that it takes items from."""
    puts_into: tuple[str, ...] = ()
    processes: int = 0
    """How many have run it, as far as metrics tell."""
    shares_with: tuple[str, ...] = ()
    """Stages that its workers run as well, directly or by way of others, as far as metrics tell."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """Failed calls by `error.type`, most frequent first, as far as metrics tell."""


@dataclass(frozen=True, slots=True)
class MinuteRow:
    """One stage of one run in one minute."""

    stage: str
    started_at: str
    """The minute, RFC 3339, UTC; calls belong to the minute in which they ended."""
    calls: int
    failed: int
    items: int
    p50_s: float
    """At most 5 % off, like those of `StageRow`."""
    p95_s: float


@dataclass(frozen=True, slots=True)
class ItemRef:
    """Points at one notable stage call."""

    stage: str
    item: str | None
    trace_id: str
    """32 hex digits."""
    span_id: str
    duration_s: float
    error: str | None = None
    """`error.type: message`, shortened, if it failed."""


@dataclass(frozen=True, slots=True)
class LongCall:
    """A stage call that has been running for long, as its heartbeats tell."""

    stage: str
    item: str | None
    trace_id: str
    """32 hex digits; empty if the call has no span."""
    span_id: str
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class LossRow:
    """What one run lost of one signal for one reason."""

    run_id: str
    """Empty: not known."""
    run_name: str
    when: str
    """RFC 3339, UTC: when the run started, or when its last process ended."""
    signal: str
    reason: str
    """One of `model.signals.Loss`, or a plugin's own."""
    count: int
    """Spans, metric points or log records."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A watched queue, as last reported."""

    name: str
    depth: int
    capacity: int | None
    full: float | None = None
    """Share of `RunRow.measured_s` in which somebody waited to put, at most 1.0; None: no metrics tell."""
    empty: float | None = None
    """The same, to get."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run."""

    id: str
    name: str
    state: str
    """``running``, ``ok``, ``failed``, ``interrupted`` or ``ended`` (over, but nobody said how)."""
    started_at: str
    """RFC 3339, UTC."""
    duration_s: float
    spans: int
    lost: int
    """Spans, log records and points that senders reported lost."""
    stages: tuple[StageRow, ...] = ()
    exit_code: int | None = None
    progress: int | None = None
    """Items handled, if the run tells."""
    total: int | None = None
    eta_s: float | None = None
    slowest: ItemRef | None = None
    last_failed: ItemRef | None = None
    queues: tuple[QueueRow, ...] = ()
    logs: int = 0
    """Log records stored."""
    measured_s: float | None = None
    """Seconds of the run that shares of time (``working``, ``full`` …) are of: up to the last metrics. None: there are none."""
    long_calls: tuple[LongCall, ...] = ()
    """While the run goes on: the calls that have been running for longest, at most five, the longest first."""


@dataclass(frozen=True, slots=True)
class EventView:
    name: str
    time_unix_nano: int
    attributes: Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class LinkView:
    trace_id: str
    span_id: str
    attributes: Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class SpanView:
    span_id: str
    parent_span_id: str | None
    name: str
    start_unix_nano: int
    duration_ns: int
    status: str
    """``unset``, ``ok`` or ``error``."""
    attributes: Mapping[str, AttributeValue]
    events: tuple[EventView, ...]
    links: tuple[LinkView, ...]
    resource: Mapping[str, AttributeValue]
    kind: str = "internal"
    status_message: str = ""
    trace_state: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class LogView:
    time_unix_nano: int
    trace_id: str | None
    span_id: str | None
    severity: str
    """``INFO``, ``ERROR`` … as sent; severity text, else derived from the number."""
    body: str
    attributes: Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class TraceView:
    trace_id: str
    spans: tuple[SpanView, ...]
    """By start time."""
    logs: tuple[LogView, ...]
    """By time."""


@dataclass(frozen=True, slots=True)
class TraceEnd:
    """One trace, as a decision at its end sees it."""

    trace_id: str
    """32 hex digits."""
    root: str
    """Name of the span with which it starts; empty if that is not stored."""
    failed: bool
    """Whether any of its spans failed."""
    duration_ns: int
    """From the start of the first span to the end of the last."""
    end_unix_nano: int
    spans: int


class Reader(Protocol):
    """Read access to a store; safe beside a writer in another process."""

    def runs(self, limit: int = 20) -> list[RunRow]:
        """Return the newest runs first, without stages."""

    def run(self, run_id: str) -> RunRow | None:
        """Return one run with its stages, queues and notable items; a unique prefix of the id is enough."""

    def trace(self, trace_id: str) -> TraceView | None:
        """Return one trace; a unique prefix of the id is enough."""

    def export(self, run_id: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield OTLP/JSON objects (``resourceSpans`` or ``resourceLogs`` …), one per line of the file a Collector reads."""

    def stats(self) -> Mapping[str, int]:
        """Return counts: spans, traces, logs, points, bytes on disk, schema version."""

    def close(self) -> None: ...
