"""One recorded value, and who takes such values besides OpenTelemetry."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from otelkit.model.calls import AttributeScalar


class MetricType(Enum):
    """What a value means."""

    COUNTER = "counter"
    """Added to a sum that only grows."""
    GAUGE = "gauge"
    """Replaces the value before."""
    HISTOGRAM = "histogram"
    """Counted in buckets."""
    SUMMARY = "summary"
    """Counted into quantiles in this process."""


class Group(Enum):
    """What a metric tells about. Each group is an instrumentation scope of its own: ``otelkit.business`` and so on."""

    PROCESSING = "processing"
    """What the pipeline did, and how long it took."""
    PERFORMANCE = "performance"
    """How fast single functions are."""
    BUSINESS = "business"
    """What it is worth."""
    QUALITY = "quality"
    """How good results are."""
    SYSTEM = "system"
    """What it takes: processor time, memory, files."""
    ERROR = "error"
    """What failed."""
    SATISFACTION = "satisfaction"
    """What users think of it."""


@dataclass(frozen=True, slots=True)
class MetricEntry:
    """One recorded value."""

    name: str
    value: float
    """Finite; at least 0 for counters."""
    type: MetricType
    labels: Mapping[str, AttributeScalar]
    timestamp_ns: int
    """Unix nanoseconds."""
    unit: str = ""
    """In UCUM notation."""
    group: Group = Group.PROCESSING


class EntryExporter(Protocol):
    """Takes batches of entries. Each exporter has a buffer and a thread of its own: a slow or broken one holds up no other."""

    @property
    def name(self) -> str:
        """For messages."""

    def export(self, entries: Sequence[MetricEntry]) -> Awaitable[None] | None:
        """Send a batch, oldest entry first; may be a coroutine function.

        Raises:
            Exception: It failed; the batch comes again, first, after the retry delay.
        """
