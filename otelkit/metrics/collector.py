"""What a program records by itself: one object with all groups of metrics, thin over OpenTelemetry's API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry import metrics

from otelkit import names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import in_forked_child
from otelkit.metrics.entry import EntryExporter, Group, MetricEntry
from otelkit.metrics.group import Labels, MetricGroup
from otelkit.metrics.label_sets import clean_number
from otelkit.metrics.lane import ExportLane
from otelkit.metrics.process import observe_process
from otelkit.metrics.provider import process_provider
from otelkit.model.calls import AttributeScalar

_BUFFER_ENTRIES: Final = 10_000


class MetricsCollector:
    """Records metrics into OpenTelemetry, and hands each value to further exporters if there are any.

    ``record_counter``, ``record_gauge``, ``record_timing``, ``record_histogram`` and ``record_summary`` of the collector itself
    are those of its group ``processing``; the other groups are attributes: ``collector.business.record_counter("orders")``.
    Three levels: the ``component`` given here, the ``operation`` of each call, and the process as a whole (`observe_process`).

    Values reach OpenTelemetry at once and are aggregated there, so that nothing is lost between two exports. Further exporters
    get each value as a `MetricEntry`, buffered and in batches, every exporter at its own pace. Thread-safe, fork-safe, and
    nothing here raises into the program; what can't be recorded is counted in ``refused``.

    Args:
        component: Label ``component`` of every value; None: no such label.
        provider: The meter provider; None: the process's.
        exporters: Who else gets every value.
        metadata_labels: Keys of ``metadata`` that become labels; choose keys with few values.
        interval_s: Time between two exports to an exporter, > 0.
        retry_delay_s: Time between a failed export and the next try, > 0.
        buffer_entries: Most entries just recorded, and again most that wait for the next export, per exporter, >= 1.
        clock: Where the time is read.
    """

    def __init__(
        self,
        component: str | None = None,
        *,
        provider: metrics.MeterProvider | None = None,
        exporters: Iterable[EntryExporter] = (),
        metadata_labels: Iterable[str] = (),
        interval_s: float = 1.0,
        retry_delay_s: float = 1.0,
        buffer_entries: int = _BUFFER_ENTRIES,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._provider = provider
        self._metadata_labels = frozenset(metadata_labels)
        self._lanes = tuple(
            ExportLane(exporter, interval_s=interval_s, retry_delay_s=retry_delay_s, limit=buffer_entries, clock=clock)
            for exporter in exporters
        )
        base: dict[str, AttributeScalar] = {} if component is None else {names.LABEL_COMPONENT: component}
        sink = self._hand_on if self._lanes else None
        self._groups = {group: self._group(group, base, sink is not None, clock) for group in Group}
        self.processing = self._groups[Group.PROCESSING]
        self.performance = self._groups[Group.PERFORMANCE]
        self.business = self._groups[Group.BUSINESS]
        self.quality = self._groups[Group.QUALITY]
        self.system = self._groups[Group.SYSTEM]
        self.errors = self._groups[Group.ERROR]
        self.satisfaction = self._groups[Group.SATISFACTION]
        self.record_counter = self.processing.record_counter
        self.record_gauge = self.processing.record_gauge
        self.record_timing = self.processing.record_timing
        self.record_histogram = self.processing.record_histogram
        self.record_summary = self.processing.record_summary
        in_forked_child(self._start_over)

    # -- recording -------------------------------------------------------------------------------------------------

    async def record_processing_metrics(
        self, operation: str, duration: float, success: bool, metadata: Labels | None = None
    ) -> None:
        """Record one operation: its duration and that it happened, and if it failed an error.

        Never waits; a coroutine so that it can be awaited where the work is.

        Args:
            operation: What was done; few different values.
            duration: In seconds.
            success: Whether it went well.
            metadata: More about it. Keys named in ``metadata_labels`` become labels; of the others, numbers become histograms
                named ``processing.<key>``, and the rest is left out, because a metric can't hold it.
        """
        labels: dict[str, object] = {names.LABEL_OPERATION: operation, names.LABEL_SUCCESS: success}
        numbers: dict[str, float] = {}
        for key, value in (metadata or {}).items():
            number = clean_number(value)
            if key in self._metadata_labels:
                labels[key] = value
            elif number is not None:
                numbers[key] = number
        record = self.processing
        record.record_histogram(names.METRIC_PROCESSING_DURATION, duration, labels, unit="s")
        record.record_counter(names.METRIC_PROCESSING_OPERATIONS, 1, labels, unit="{operation}")
        for key, number in numbers.items():
            record.record_histogram(f"{Group.PROCESSING.value}.{key}", number, labels)
        if not success:
            self.errors.record_counter(names.METRIC_ERRORS, 1, {names.LABEL_OPERATION: operation}, unit="{error}")

    def record_error(self, operation: str, error: BaseException | str, labels: Labels | None = None) -> None:
        """Count a failure of ``operation``, by the type of ``error`` (or by the name given as text)."""
        kind = error if isinstance(error, str) else type(error).__qualname__
        all_labels = {**(labels or {}), names.LABEL_OPERATION: operation, names.LABEL_ERROR_TYPE: kind}
        self.errors.record_counter(names.METRIC_ERRORS, 1, all_labels, unit="{error}")

    def record_quality(self, name: str, score: float, labels: Labels | None = None) -> None:
        """Record how good a result is, in the unit of the measure ``name`` (``pesq``, ``snr_db`` …)."""
        self.quality.record_histogram(name, score, labels)

    def record_satisfaction(self, score: float, labels: Labels | None = None) -> None:
        """Record how content a user is, from 0 to 1."""
        self.satisfaction.record_histogram(names.METRIC_SATISFACTION, score, labels, unit="1")

    def collect_metrics(self, service_name: str, metrics: Mapping[str, float]) -> None:
        """Record a service's present values as gauges with the label ``service``; what is no finite number is refused."""
        for name, value in metrics.items():
            self.processing.record_gauge(name, value, {names.LABEL_SERVICE: service_name})

    def observe_process(self) -> None:
        """Report this process's own use of processor, memory, threads and files from now on, whenever metrics are collected."""
        observe_process(self._meter(Group.SYSTEM))

    # -- account and end -------------------------------------------------------------------------------------------

    @property
    def refused(self) -> int:
        """Values that could not be recorded so far."""
        return sum(group.refused for group in self._groups.values())

    @property
    def dropped(self) -> int:
        """Entries that a further exporter did not get, because its buffer was full or it was closed before it worked."""
        return sum(lane.dropped for lane in self._lanes)

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Export what further exporters have not got yet, at most ``timeout_s`` for each; False if one of them failed."""
        flushed = [lane.flush(timeout_s) for lane in self._lanes]
        return all(flushed)

    def close(self, timeout_s: float = 5.0) -> None:
        """Flush and stop the further exporters; recording into OpenTelemetry goes on."""
        for lane in self._lanes:
            lane.close(timeout_s)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _group(self, group: Group, base: Mapping[str, AttributeScalar], hand_on: bool, clock: Clock) -> MetricGroup:
        return MetricGroup(group, lambda: self._meter(group), base, self._hand_on if hand_on else None, clock)

    def _meter(self, group: Group) -> metrics.Meter:
        provider = process_provider() if self._provider is None else self._provider
        return provider.get_meter(f"otelkit.{group.value}")

    def _hand_on(self, entry: MetricEntry) -> None:
        for lane in self._lanes:
            lane.put(entry)

    def _start_over(self) -> None:
        for group in self._groups.values():
            group.start_over()
        for lane in self._lanes:
            lane.start_over()
