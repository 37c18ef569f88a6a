"""What a program records by itself."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import threading
from collections.abc import Sequence

import pytest

from otelkit import names
from otelkit.metrics import Group, MetricEntry, MetricsCollector, MetricType
from otelkit.metrics.boundaries import DURATION_BOUNDARIES_S
from otelkit.metrics.label_sets import MAX_SETS
from tests.forking import in_child
from tests.metrics.collected import Collected, key_of
from tests.waiting import wait_until


class Kept:
    """An exporter that keeps what it gets."""

    def __init__(self, name: str = "kept") -> None:
        self.name = name
        self.batches: list[tuple[MetricEntry, ...]] = []

    def export(self, entries: Sequence[MetricEntry]) -> None:
        self.batches.append(tuple(entries))

    @property
    def entries(self) -> list[MetricEntry]:
        return [entry for batch in self.batches for entry in batch]


class Broken(Kept):
    """An exporter that fails the first times."""

    def __init__(self, failures: float) -> None:
        super().__init__("broken")
        self.failures = failures
        self.tried = 0

    def export(self, entries: Sequence[MetricEntry]) -> None:
        self.tried += 1
        if self.tried <= self.failures:
            raise ConnectionError("no route")
        super().export(entries)


class FixedClock:
    def now_ns(self) -> int:
        return 1_700_000_000_000_000_000

    def monotonic_ns(self) -> int:
        return 0


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.mark.requirement("MET-01", "MET-05", "MET-07", "MET-08", "MET-09", "MET-10")
def test_each_type_reaches_opentelemetry_with_its_labels(collected: Collected) -> None:
    """A counter adds up, a gauge replaces, timings (ms) and histograms are counted in buckets."""
    metrics = MetricsCollector(provider=collected.provider)
    metrics.record_counter("files", 2, {"format": "flac"})
    metrics.record_counter("files", 3, {"format": "flac"})
    metrics.record_gauge("depth", 7)
    metrics.record_gauge("depth", 4)
    metrics.record_timing("decode", 12.5, {"codec": "x"})
    metrics.record_histogram("size", 100, unit="By")

    assert collected.all_points() == {
        "files": {key_of({"format": "flac"}): 5},
        "depth": {(): 4},
        "decode": {key_of({"codec": "x"}): (1, 12.5)},
        "size": {(): (1, 100)},
    }
    assert [collected.metrics()[name].unit for name in ("decode", "size")] == ["ms", "By"]


@pytest.mark.requirement("MET-05")
def test_a_summary_tells_quantiles_count_and_sum(collected: Collected) -> None:
    """Quantiles at most 1 % off as a gauge by `quantile`; count and sum are exact."""
    metrics = MetricsCollector(provider=collected.provider)
    for number in range(1, 1001):
        metrics.record_summary("latency", number, {"op": "x"}, unit="ms")
    quantiles = {dict(key)["quantile"]: value for key, value in collected.points("latency").items()}

    assert quantiles == {
        share: pytest.approx(value, rel=0.011)
        for share, value in {"0.5": 500, "0.9": 900, "0.95": 950, "0.99": 990}.items()
    }
    assert collected.points("latency.count") == {key_of({"op": "x"}): 1000}
    assert collected.points("latency.sum") == {key_of({"op": "x"}): 500_500}


@pytest.mark.requirement("MET-02", "MET-03", "MET-04")
def test_an_operation_is_recorded_with_its_component_and_outcome(collected: Collected) -> None:
    """Duration in seconds and a count by component and operation; a failed one is an error, too."""
    metrics = MetricsCollector("encoder", provider=collected.provider, metadata_labels=["codec"])

    async def work() -> None:
        await metrics.record_processing_metrics("encode", 0.5, True, {"codec": "opus", "bytes": 9, "note": "free text"})
        await metrics.record_processing_metrics("encode", 1.5, False)

    asyncio.run(work())
    good = {"component": "encoder", "operation": "encode", "success": True, "codec": "opus"}
    bad = {"component": "encoder", "operation": "encode", "success": False}

    assert collected.points(names.METRIC_PROCESSING_DURATION) == {key_of(good): (1, 0.5), key_of(bad): (1, 1.5)}
    assert collected.points(names.METRIC_PROCESSING_OPERATIONS) == {key_of(good): 1, key_of(bad): 1}
    assert collected.points("processing.bytes") == {key_of(good): (1, 9)}
    assert collected.points(names.METRIC_ERRORS) == {key_of({"component": "encoder", "operation": "encode"}): 1}
    assert "processing.note" not in collected.metrics()
    duration = collected.metrics()[names.METRIC_PROCESSING_DURATION].data.data_points[0]
    assert tuple(duration.explicit_bounds) == DURATION_BOUNDARIES_S


@pytest.mark.requirement("MET-04", "MET-25", "MET-27", "MET-31")
def test_groups_are_scopes_of_their_own(collected: Collected) -> None:
    """Processing, performance, business, quality, system, errors and satisfaction can be told apart at the backend."""
    metrics = MetricsCollector(provider=collected.provider)
    metrics.record_counter("files")
    metrics.performance.record_timing("load", 3)
    metrics.business.record_counter("orders")
    metrics.record_quality("pesq", 3.9)
    metrics.system.record_gauge("gpu", 0.4)
    metrics.record_error("decode", ValueError("x"))
    metrics.record_satisfaction(0.8)

    assert collected.scopes() == {
        "otelkit.processing": {"files"},
        "otelkit.performance": {"load"},
        "otelkit.business": {"orders"},
        "otelkit.quality": {"pesq"},
        "otelkit.system": {"gpu"},
        "otelkit.error": {names.METRIC_ERRORS},
        "otelkit.satisfaction": {names.METRIC_SATISFACTION},
    }
    assert collected.points(names.METRIC_ERRORS) == {key_of({"operation": "decode", "error_type": "ValueError"}): 1}


@pytest.mark.requirement("MET-28")
def test_collect_metrics_records_a_services_values(collected: Collected) -> None:
    """As gauges by service; a value that is no number costs only itself."""
    metrics = MetricsCollector(provider=collected.provider)
    metrics.collect_metrics("db", {"pool": 4, "load": 0.5, "name": "x"})  # type: ignore[dict-item]  # wrong on purpose

    assert collected.all_points() == {
        "pool": {key_of({"service": "db"}): 4},
        "load": {key_of({"service": "db"}): 0.5},
    }
    assert metrics.refused == 1


@pytest.mark.requirement("MET-03", "MET-27")
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory and files are read from /proc")  # noqa: PTH110 - evaluated while collecting
def test_the_process_is_observed_as_a_whole(collected: Collected) -> None:
    """Processor time grows; memory, threads and open files are what they are."""
    metrics = MetricsCollector(provider=collected.provider)
    metrics.observe_process()
    before = collected.points(names.METRIC_PROCESS_FILES)[()]
    with open(os.devnull) as _held:  # noqa: PTH123 - any open file
        during = collected.points(names.METRIC_PROCESS_FILES)[()]

    assert during == before + 1
    assert collected.points(names.METRIC_PROCESS_THREADS)[()] >= threading.active_count()
    assert collected.points(names.METRIC_PROCESS_MEMORY)[()] > 1_000_000
    assert sum(collected.points(names.METRIC_PROCESS_CPU).values()) > 0


class TestRefusals:
    """What can't be recorded harms nothing, is counted, and is said once."""

    @pytest.mark.requirement("MET-33")
    @pytest.mark.parametrize("value", [math.nan, math.inf, "3", None, True, object()])
    def test_a_value_that_is_no_finite_number(self, value: object, collected: Collected) -> None:
        """It would make every sum and quantile wrong."""
        metrics = MetricsCollector(provider=collected.provider)
        for record in (metrics.record_gauge, metrics.record_counter, metrics.record_histogram, metrics.record_summary):
            record("x", value)  # type: ignore[arg-type]  # wrong on purpose

        assert metrics.refused == 4
        assert collected.metrics() == {}

    def test_a_negative_count_a_second_type_and_a_bad_name(
        self, collected: Collected, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One warning for each name."""
        metrics = MetricsCollector(provider=collected.provider)
        with caplog.at_level(logging.WARNING, "otelkit.metrics"):
            metrics.record_counter("files", -1)
            metrics.record_counter("files", -1)
            metrics.record_counter("mixed")
            metrics.record_gauge("mixed", 1)
            metrics.record_counter("9 bad name")

        assert metrics.refused == 4
        assert len(caplog.records) == 3
        assert collected.points("mixed") == {(): 1}

    @pytest.mark.requirement("MET-32")
    def test_names_and_label_sets_without_end_are_bounded(self, collected: Collected) -> None:
        """Beyond 2,000 label sets one series takes the rest, so that the sum stays right."""
        metrics = MetricsCollector(provider=collected.provider)
        for number in range(MAX_SETS + 10):
            metrics.record_counter("files", 1, {"path": f"{number}.py"})
        points = collected.points("files")

        assert points[key_of({names.METRIC_OVERFLOW: True})] >= 10
        assert sum(points.values()) == MAX_SETS + 10

    def test_labels_are_made_fit(self, collected: Collected) -> None:
        """None is left out, objects are texts, and texts are short."""
        metrics = MetricsCollector(provider=collected.provider)
        metrics.record_counter("files", 1, {"a": None, "b": Group.ERROR, "c": "x" * 1000, "d": 1, "e": True})
        (key,) = collected.points("files")

        assert dict(key) == {"b": "Group.ERROR", "c": "x" * 256, "d": 1, "e": True}


class TestExporters:
    """Whoever else gets every value."""

    @pytest.mark.requirement("MET-06")
    def test_an_entry_has_name_value_type_labels_and_time(self, collected: Collected) -> None:
        """And its unit and group."""
        kept = Kept()
        metrics = MetricsCollector("c", provider=collected.provider, exporters=[kept], clock=FixedClock())
        metrics.business.record_counter("orders", 2, {"shop": "a"}, unit="{order}")

        assert metrics.flush()
        assert kept.entries == [
            MetricEntry(
                name="orders",
                value=2,
                type=MetricType.COUNTER,
                labels={"component": "c", "shop": "a"},
                timestamp_ns=1_700_000_000_000_000_000,
                unit="{order}",
                group=Group.BUSINESS,
            )
        ]

    @pytest.mark.requirement("MET-11")
    def test_the_buffer_is_copied_and_cleared_at_each_export(self, collected: Collected) -> None:
        """No entry comes twice, and a batch does not change after it was handed over."""
        kept = Kept()
        metrics = MetricsCollector(provider=collected.provider, exporters=[kept], interval_s=3600)
        metrics.record_counter("a")
        metrics.record_counter("b")
        metrics.flush()
        metrics.record_counter("c")
        metrics.flush()
        metrics.flush()

        assert [[entry.name for entry in batch] for batch in kept.batches] == [["a", "b"], ["c"]]

    @pytest.mark.requirement("MET-12", "MET-13")
    def test_a_broken_exporter_disturbs_no_other_and_gets_its_entries_later(
        self, collected: Collected, caplog: pytest.LogCaptureFixture
    ) -> None:
        """In the background, without anybody flushing; the failure is said once."""
        broken, kept = Broken(failures=2), Kept()
        metrics = MetricsCollector(
            provider=collected.provider, exporters=[broken, kept], interval_s=0.01, retry_delay_s=0.02
        )
        with caplog.at_level(logging.WARNING, "otelkit.metrics"):
            metrics.record_counter("a")
            wait_until(lambda: broken.entries and kept.entries)
        metrics.close()

        assert [entry.name for entry in broken.entries] == [entry.name for entry in kept.entries] == ["a"]
        assert broken.tried == 3
        assert len(caplog.records) == 1
        assert metrics.dropped == 0

    @pytest.mark.requirement("MET-12")
    def test_a_slow_exporter_holds_up_no_other(self, collected: Collected) -> None:
        """Each has a thread of its own."""
        gate = threading.Event()

        class Slow(Kept):
            def export(self, entries: Sequence[MetricEntry]) -> None:
                gate.wait(20)
                super().export(entries)

        slow, kept = Slow("slow"), Kept()
        metrics = MetricsCollector(provider=collected.provider, exporters=[slow, kept], interval_s=0.01)
        metrics.record_counter("a")
        wait_until(lambda: kept.entries)
        held = list(slow.entries)
        gate.set()
        metrics.close()

        assert held == []
        assert [entry.name for entry in slow.entries] == ["a"]

    @pytest.mark.requirement("MET-13")
    def test_after_a_failure_it_waits_the_retry_delay(self, collected: Collected) -> None:
        """By default 1 s: an exporter that is down is not hammered with every batch."""

        class Clock(FixedClock):
            at_ns = 0

            def monotonic_ns(self) -> int:
                return self.at_ns

        clock, broken = Clock(), Broken(failures=1)
        metrics = MetricsCollector(provider=collected.provider, exporters=[broken], interval_s=3600, clock=clock)
        (lane,) = metrics._lanes
        metrics.record_counter("a")
        metrics.flush()
        clock.at_ns = 999_999_999
        lane._export([])
        early = broken.tried
        clock.at_ns = 1_000_000_000
        lane._export([])

        assert (early, broken.tried) == (1, 2)
        assert [entry.name for entry in broken.entries] == ["a"]

    @pytest.mark.requirement("MET-32")
    def test_a_full_buffer_drops_and_counts(self, collected: Collected, caplog: pytest.LogCaptureFixture) -> None:
        """What OpenTelemetry has is complete all the same."""
        broken = Broken(failures=math.inf)
        metrics = MetricsCollector(
            provider=collected.provider, exporters=[broken], interval_s=3600, retry_delay_s=3600, buffer_entries=10
        )
        with caplog.at_level(logging.WARNING, "otelkit.metrics"):
            for _ in range(25):
                metrics.record_counter("a")
            metrics.close()

        assert metrics.dropped == 25
        assert collected.points("a") == {(): 25}
        assert not metrics.flush(0.01) or broken.entries == []

    @pytest.mark.requirement("MET-12")
    def test_an_exporter_may_be_asynchronous_and_flushed_from_a_coroutine(self, collected: Collected) -> None:
        """Its failure counts as any other's."""

        class Asynchronous(Kept):
            async def export(self, entries: Sequence[MetricEntry]) -> None:  # type: ignore[override]  # either is allowed
                await asyncio.sleep(0)
                if len(entries) > 1:
                    raise ConnectionError
                super().export(entries)

        kept = Asynchronous()
        metrics = MetricsCollector(provider=collected.provider, exporters=[kept], interval_s=3600)

        async def flush() -> bool:
            return metrics.flush()

        metrics.record_counter("a")
        first = asyncio.run(flush())
        metrics.record_counter("b")
        metrics.record_counter("c")

        assert (first, asyncio.run(flush())) == (True, False)
        assert [entry.name for entry in kept.entries] == ["a"]

    def test_a_forked_child_exports_its_own_entries_only(self, collected: Collected) -> None:
        """What the parent has buffered is the parent's to send."""
        kept = Kept()
        metrics = MetricsCollector(provider=collected.provider, exporters=[kept], interval_s=3600)
        metrics.record_counter("parent")

        def child() -> list[str]:
            metrics.record_counter("child")
            metrics.flush()
            return [entry.name for entry in kept.entries]

        assert in_child(child) == ["child"]
        metrics.flush()
        assert [entry.name for entry in kept.entries] == ["parent"]


def test_without_a_provider_recording_costs_nothing_but_time() -> None:
    """With OpenTelemetry's API alone nothing is recorded and nothing fails."""
    metrics = MetricsCollector()
    metrics.record_counter("a")
    metrics.record_summary("b", 1)

    assert metrics.refused == 0
    assert metrics.flush()
