"""The reader that answers scrapes."""

from __future__ import annotations

import threading

import pytest
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import View
from prometheus_client.parser import text_string_to_metric_families as read_classic

from otelkit.metrics import bound_metrics
from otelkit.metrics.scrape_reader import ScrapeReader
from tests.forking import in_child

pytestmark = pytest.mark.sdk


def scraped(reader: ScrapeReader) -> dict[str, list[float]]:
    return {
        sample.name: sorted(each.value for each in family.samples if each.name == sample.name)
        for family in read_classic(reader.scrape())
        for sample in family.samples
        if sample.name != "target_info"
    }


def test_each_metric_is_there_once_whoever_keeps_it() -> None:
    """Instruments of the SDK, and handles of every kind; another reader of the same provider sees the same."""
    reader, other = ScrapeReader(), InMemoryMetricReader()
    provider = MeterProvider([reader, other], shutdown_on_exit=False)
    provider.get_meter("app").create_counter("plain").add(1)
    made = bound_metrics("app", provider)
    made.counter("files").add(2)
    made.gauge("load").set(3)
    made.histogram("sizes", boundaries=(1, 10)).record(5)
    expected = {
        "plain_total": [1],
        "files_total": [2],
        "load": [3],
        "sizes_bucket": [0, 1, 1],
        "sizes_sum": [5],
        "sizes_count": [1],
    }
    first, again = scraped(reader), scraped(reader)
    data = other.get_metrics_data()
    assert data is not None
    names = [metric.name for scope in data.resource_metrics[0].scope_metrics for metric in scope.metrics]

    assert first == again == expected
    assert sorted(names) == ["files", "load", "plain", "sizes"]


def test_a_programs_views_hold_for_handles_too() -> None:
    """A metric that a view renames is served by its new name only."""
    reader = ScrapeReader()
    provider = MeterProvider([reader], views=[View(instrument_name="files", name="documents")], shutdown_on_exit=False)
    bound_metrics("app", provider).counter("files").add(2)

    assert scraped(reader) == {"documents_total": [2]}


def test_handles_of_another_provider_are_not_served() -> None:
    """Each provider has its own metrics."""
    reader = ScrapeReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    bound_metrics("app", MeterProvider(shutdown_on_exit=False)).counter("files").add(2)
    provider.get_meter("app").create_counter("plain").add(1)

    assert scraped(reader) == {"plain_total": [1]}


def test_scrapes_at_once_and_collections_meanwhile_are_each_whole() -> None:
    """Several scrapers, a periodic reader and recording threads do not disturb each other."""
    reader, other = ScrapeReader(), InMemoryMetricReader()
    provider = MeterProvider([reader, other], shutdown_on_exit=False)
    files = bound_metrics("app", provider).counter("files")
    plain = provider.get_meter("app").create_counter("plain")
    plain.add(1)
    seen: list[set[str]] = []

    def work() -> None:
        for _ in range(20):
            files.add(1)
            plain.add(1)
            seen.append(set(scraped(reader)))
            other.get_metrics_data()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [{"files_total", "plain_total"}] * 80
    assert scraped(reader) == {"files_total": [80], "plain_total": [81]}


def test_a_forked_child_can_be_scraped_though_the_parent_was_being_scraped() -> None:
    """The lock that the parent's thread held is not the child's."""
    reader = ScrapeReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    bound_metrics("app", provider).counter("files").add(2)
    inside, leave = threading.Event(), threading.Event()

    def slow(_options: CallbackOptions) -> list[Observation]:
        inside.set()
        leave.wait(10)
        return []

    # In a provider of its own: that lock is the SDK's.
    slow_reader = ScrapeReader()
    MeterProvider([slow_reader], shutdown_on_exit=False).get_meter("slow").create_observable_gauge("slow", [slow])
    reader._lock = slow_reader._lock
    thread = threading.Thread(target=slow_reader.scrape)
    thread.start()
    assert inside.wait(10)
    try:
        found = in_child(lambda: scraped(reader))
    finally:
        leave.set()
        thread.join()

    assert found == {"files_total": [0]}
