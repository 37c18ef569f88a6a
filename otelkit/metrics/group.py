"""Record counters, gauges, timings, histograms and summaries by name."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.metrics import Meter

from otelkit._clock import Clock
from otelkit.metrics.boundaries import DURATION_BOUNDARIES_S
from otelkit.metrics.entry import Group, MetricEntry, MetricType
from otelkit.metrics.label_sets import LabelSets, clean_labels, clean_number
from otelkit.metrics.summary import SummaryInstrument
from otelkit.model.calls import AttributeScalar

_log = logging.getLogger("otelkit.metrics")

MAX_METRICS: Final = 2000
"""Metrics of one group; a name made up per item must not fill the memory."""

Labels = Mapping[str, Any]  # Any: texts, numbers and flags are kept, other values by their text


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A metric that has been recorded at least once."""

    type: MetricType
    unit: str
    record: Callable[[float, Mapping[str, AttributeScalar]], None]
    sets: LabelSets = field(default_factory=LabelSets)


class MetricGroup:
    """Records the metrics of one group. Thread-safe, and nothing it does raises.

    A value that can't be recorded (not a finite number, a negative count, a name that is taken by another type or that
    OpenTelemetry does not allow) is refused: counted, and named once in a warning.

    Args:
        group: Which group.
        meter: Gives the meter; asked again in a forked child.
        base_labels: Put on every value.
        sink: Gets every recorded entry, too; None: nobody does.
        clock: Where the time is read.
    """

    def __init__(
        self,
        group: Group,
        meter: Callable[[], Meter],
        base_labels: Mapping[str, AttributeScalar],
        sink: Callable[[MetricEntry], None] | None,
        clock: Clock,
    ) -> None:
        self.group = group
        self.refused = 0
        """Values refused so far."""
        self._meter = meter
        self._base = base_labels
        self._sink = sink
        self._clock = clock
        self._complained: set[str] = set()
        self.start_over()

    def start_over(self) -> None:
        """Make all instruments anew at their next use: a forked child's are its own."""
        self._known: dict[str, _Recorded] = {}
        self._lock = threading.RLock()

    def record_counter(self, name: str, value: float = 1, labels: Labels | None = None, *, unit: str = "") -> None:
        """Add ``value``, at least 0, to a sum."""
        self._record(MetricType.COUNTER, name, value, labels, unit)

    def record_gauge(self, name: str, value: float, labels: Labels | None = None, *, unit: str = "") -> None:
        """Set the present value of something."""
        self._record(MetricType.GAUGE, name, value, labels, unit)

    def record_timing(self, name: str, duration_ms: float, labels: Labels | None = None) -> None:
        """Record a duration in milliseconds, as a histogram."""
        self._record(MetricType.HISTOGRAM, name, duration_ms, labels, "ms")

    def record_histogram(self, name: str, value: float, labels: Labels | None = None, *, unit: str = "") -> None:
        """Record one of many values, of which the distribution matters."""
        self._record(MetricType.HISTOGRAM, name, value, labels, unit)

    def record_summary(self, name: str, value: float, labels: Labels | None = None, *, unit: str = "") -> None:
        """Record one of many values, of which quantiles are computed here; see `SummaryInstrument`."""
        self._record(MetricType.SUMMARY, name, value, labels, unit)

    def _record(self, kind: MetricType, name: str, value: float, labels: Labels | None, unit: str) -> None:
        try:
            number = clean_number(value)
            if number is None or (kind is MetricType.COUNTER and number < 0):
                expected = "a finite number of at least 0" if kind is MetricType.COUNTER else "a finite number"
                self._refuse(name, f"expected {expected}, got {value!r:.80}")
                return
            recorded = self._known.get(name) or self._new(kind, name, unit)
            if recorded.type is not kind:
                self._refuse(name, f"it is a {recorded.type.value} already and can't be a {kind.value}, too")
                return
            admitted = recorded.sets.admit(clean_labels(self._base, labels))
            recorded.record(number, admitted)
            if self._sink is not None:
                now_ns = self._clock.now_ns()
                self._sink(MetricEntry(name, number, kind, admitted, now_ns, recorded.unit, self.group))
        except Exception as error:  # noqa: BLE001 - the host's program must not fail because a metric did
            self._refuse(str(name), str(error) or type(error).__name__)

    def _new(self, kind: MetricType, name: str, unit: str) -> _Recorded:
        with self._lock:
            known = self._known.get(name)
            if known is not None:
                return known
            if len(self._known) >= MAX_METRICS:
                raise ValueError(f"there are {MAX_METRICS} metrics already; put what varies into labels")
            recorded = _Recorded(kind, unit, self._instrument(kind, name, unit))
            self._known[name] = recorded
            return recorded

    def _instrument(
        self, kind: MetricType, name: str, unit: str
    ) -> Callable[[float, Mapping[str, AttributeScalar]], None]:
        meter = self._meter()
        match kind:
            case MetricType.COUNTER:
                return meter.create_counter(name, unit).add
            case MetricType.GAUGE:
                return meter.create_gauge(name, unit).set
            case MetricType.HISTOGRAM:
                # The SDK's default suits milliseconds; in seconds everything would fall into its first bucket.
                boundaries = DURATION_BOUNDARIES_S if unit == "s" else None
                return meter.create_histogram(name, unit, explicit_bucket_boundaries_advisory=boundaries).record
            case MetricType.SUMMARY:
                return SummaryInstrument(meter, name, unit, "", self._clock).record

    def _refuse(self, name: str, why: str) -> None:
        self.refused += 1
        if name not in self._complained and len(self._complained) < MAX_METRICS:
            self._complained.add(name)
            _log.warning("the metric %r was not recorded: %s", name, why)
