"""Metrics with handles, read through the SDK."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest
from opentelemetry.sdk.metrics import Counter, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import View

from otelkit import names
from otelkit.metrics import MetricsCollector, bound, bound_metrics
from otelkit.metrics.label_sets import MAX_SETS
from otelkit.metrics.provider import set_process_provider
from tests.forking import in_child
from tests.metrics.collected import Collected, key_of

pytestmark = pytest.mark.sdk


@pytest.fixture
def collected() -> Collected:
    return Collected()


def test_every_kind_reaches_a_reader(collected: Collected) -> None:
    """Sums, present values and distributions are there, with their attributes, units and meanings."""
    made = bound_metrics("app", collected.provider)
    for codec in ("flac", "opus"):
        made.counter("files", {"codec": codec}, unit="{file}", meaning="Files.").add(2)
    made.up_down_counter("open").add(-1)
    made.gauge("load", {"core": 1}).set(0.5)
    latency = made.histogram("latency", unit="s", meaning="How long.")
    latency.record(0.003)
    latency.record(0.1)
    kinds = {
        name: (type(metric.data).__name__, metric.unit, metric.description)
        for name, metric in collected.metrics().items()
    }
    points = collected.all_points()

    assert points["files"] == {key_of({"codec": "flac"}): 2, key_of({"codec": "opus"}): 2}
    assert (points["open"], points["load"]) == ({(): -1}, {key_of({"core": 1}): 0.5})
    assert points["latency"] == {(): (2, pytest.approx(0.103))}
    assert kinds == {
        "files": ("Sum", "{file}", "Files."),
        "open": ("Sum", "", ""),
        "load": ("Gauge", "", ""),
        "latency": ("Histogram", "s", "How long."),
    }


def test_sums_and_distributions_go_on_from_one_collection_to_the_next(collected: Collected) -> None:
    """What was collected is neither forgotten nor counted again."""
    made = bound_metrics("app", collected.provider)
    files, sizes = made.counter("files"), made.histogram("sizes", boundaries=(10, 20))
    seen = []
    for _ in range(3):
        files.add()
        sizes.record(15)
        seen.append((collected.points("files")[()], collected.points("sizes")[()]))

    assert seen == [(1, (1, 15)), (2, (2, 30)), (3, (3, 45))]


def test_a_delta_reader_gets_differences() -> None:
    """Which temporality a reader wants is the reader's business."""
    reader = InMemoryMetricReader(dict.fromkeys((Counter, ObservableCounter), AggregationTemporality.DELTA))
    files = bound_metrics("app", MeterProvider([reader], shutdown_on_exit=False)).counter("files")
    seen = []
    for count in (2, 3):
        files.add(count)
        data = reader.get_metrics_data()
        assert data is not None
        seen += [point.value for point in data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points]

    assert seen == [2, 3]


def test_a_programs_views_apply() -> None:
    """A view renames, and leaves attributes out."""
    reader = InMemoryMetricReader()
    views = [View(instrument_name="files", name="documents", attribute_keys={"codec"})]
    made = bound_metrics("app", MeterProvider([reader], views=views, shutdown_on_exit=False))
    for disk in ("a", "b"):
        made.counter("files", {"codec": "flac", "disk": disk}).add(2)
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics

    assert (metric.name, [(dict(point.attributes), point.value) for point in metric.data.data_points]) == (
        "documents",
        [({"codec": "flac"}, 4)],
    )


def test_the_same_question_gives_the_same_handle(collected: Collected) -> None:
    """A handle may be asked for anywhere: nothing is registered twice, and nothing counts apart."""
    first = bound_metrics("app", collected.provider).counter("files", {"a": 1, "b": 2})
    again = bound_metrics("app", collected.provider).counter("files", {"b": 2, "a": 1})
    other = bound_metrics("app", collected.provider).counter("files", {"a": True, "b": 2})
    first.add(1)
    again.add(1)
    other.add(5)

    assert first is again
    assert other is not first
    assert sum(point.value for point in collected.metrics()["files"].data.data_points) == 7


def test_too_many_series_share_one(collected: Collected) -> None:
    """Attributes made up at run time do not fill the memory; the total stays right."""
    made = bound_metrics("app", collected.provider)
    for number in range(MAX_SETS + 5):
        made.counter("files", {"n": number}).add(1)
    points = collected.points("files")

    assert points[key_of({names.METRIC_OVERFLOW: True})] >= 5
    assert sum(points.values()) == MAX_SETS + 5


@pytest.mark.parametrize("name", ["", "1st", "ä", "x" * 300])
def test_a_name_that_is_not_allowed_is_named_once_and_nothing_raises(
    name: str, collected: Collected, caplog: pytest.LogCaptureFixture
) -> None:
    """The handle takes values, which lead nowhere."""
    made = bound_metrics("app", collected.provider)
    for _ in range(3):
        made.counter(name).add(1)
        made.histogram(name).record(1)

    assert collected.metrics() == {}
    assert [repr(name) in message for message in caplog.messages] == [True, True]


def test_a_name_is_of_one_kind(collected: Collected, caplog: pytest.LogCaptureFixture) -> None:
    """A second kind under the same name is refused by name; the first goes on."""
    made = bound_metrics("app", collected.provider)
    made.counter("files").add(1)
    made.gauge("Files").set(7)

    assert collected.points("files") == {(): 1}
    assert caplog.messages == ["the metric 'Files' can't be recorded: the name is taken by a counter"]


def test_a_name_of_another_kind_is_said_once(collected: Collected, caplog: pytest.LogCaptureFixture) -> None:
    """However often it is asked for: a program may ask for a handle per item."""
    made = bound_metrics("app", collected.provider)
    made.counter("files")
    first = made.gauge("Files")

    assert made.gauge("Files") is first
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("name", [None, 7, [], b"files"])
def test_a_name_that_is_no_text_raises_nothing(
    name: Any, collected: Collected, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, and the handles take values."""
    made = bound_metrics("app", collected.provider)
    for _ in range(3):
        made.counter(name).add(1)
        made.up_down_counter(name).add(1)
        made.gauge(name).set(1)
        made.histogram(name).record(1)

    assert collected.metrics() == {}
    assert caplog.messages == [f"the metric '<{type(name).__name__}>' can't be recorded: a name is a text"] * 4


@pytest.mark.parametrize("name", ["item.{}", "no name {}"])
def test_what_is_beyond_the_limit_of_metrics_is_counted_and_said_once(
    name: str, collected: Collected, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name made up per item costs neither memory nor a line of the log for each item."""
    monkeypatch.setattr(bound, "MAX_METRICS", 5)
    made = bound_metrics("app", collected.provider)
    for number in [*range(30), *range(30)]:
        made.counter(name.format(number)).add(1)
    said = [message for message in caplog.messages if "put what varies into attributes" in message]

    assert made.refused == 50
    assert len(said) == 1
    assert repr(name.format(5)) in said[0]
    assert len(caplog.messages) <= 6


def test_a_forked_child_counts_from_zero_into_its_own_provider() -> None:
    """What the parent counted is not counted again, and the child's values reach the child's readers."""
    made = bound_metrics("forked")
    files, sizes = made.counter("files"), made.histogram("sizes")
    collector = MetricsCollector()
    files.add(5)
    sizes.record(5)
    collector.record_counter("orders", 5)

    def child() -> dict[str, object]:
        collected = Collected()
        set_process_provider(collected.provider)
        files.add(1)
        sizes.record(7)
        collector.record_counter("orders", 1)
        return {name: list(points.values()) for name, points in collected.all_points().items()}

    assert in_child(child) == {"files": [1], "sizes": [[1, 7]], "orders": [1]}
    assert files.read() == 5


def test_a_provider_that_is_gone_takes_its_metrics_along() -> None:
    """Programs and tests that make many providers do not fill the memory."""
    provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    made = bound_metrics("app", provider)
    metrics = weakref.ref(made)
    made.counter("files").add(1)
    del made
    provider.shutdown()
    del provider
    gc.collect()

    assert metrics() is None


def test_a_forked_child_can_make_handles_though_a_thread_of_the_parent_was_making_one() -> None:
    """No lock of the parent's is held in the child."""
    made = bound_metrics("forked")
    holding, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with bound._register._lock, made._lock:
            holding.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(10)
    try:
        found = in_child(lambda: bound_metrics("forked").counter("made.in.child").refused)
    finally:
        leave.set()
        thread.join()

    assert found == 0
