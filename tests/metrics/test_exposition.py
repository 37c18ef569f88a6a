"""Metrics as text, read back by Prometheus's own parsers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_classic

from otelkit.metrics import bound_metrics
from otelkit.metrics.exposition import Exposition

pytestmark = pytest.mark.sdk

SCOPE = {"otel_scope_name": "app", "otel_scope_version": "1.2"}


class Program:
    """A provider, and its metrics as text."""

    def __init__(self, views: Iterable[View] = ()) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(
            [self.reader],
            Resource({"service.name": 'a "b"', "process.pid": 7}),
            views=list(views),
            shutdown_on_exit=False,
        )
        self.meter = self.provider.get_meter("app", "1.2")
        self.exposition = Exposition()

    def text(self, *, openmetrics: bool = False) -> str:
        return self.exposition.render(self.reader.get_metrics_data(), openmetrics=openmetrics)

    def families(self, *, openmetrics: bool) -> dict[str, Any]:
        read = read_openmetrics if openmetrics else read_classic
        return {family.name: family for family in read(self.text(openmetrics=openmetrics))}


def samples(family: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (
            sample.name,
            tuple(sorted((key, value) for key, value in sample.labels.items() if key not in SCOPE)),
        ): sample.value
        for sample in family.samples
    }


@pytest.mark.parametrize("openmetrics", [False, True], ids=["classic", "openmetrics"])
def test_every_kind_is_read_back(openmetrics: bool) -> None:
    """Names, units, meanings, labels and numbers arrive as Prometheus reads them."""
    program = Program()
    program.meter.create_counter("files.read", "By", 'Read, "really".').add(5, {"codec": "flac"})
    program.meter.create_up_down_counter("open", "{file}", "Open.").add(-2)
    program.meter.create_gauge("load", "1", "Line one\nand \\ two").set(0.25)
    histogram = program.meter.create_histogram("wait", "s", explicit_bucket_boundaries_advisory=[0.5, 1])
    for value in (0.25, 0.5, 3):
        histogram.record(value, {"queue": "q"})
    found = program.families(openmetrics=openmetrics)

    assert {name: (family.type, family.documentation) for name, family in found.items()} == {
        "target" if openmetrics else "target_info": (
            "info" if openmetrics else "gauge",
            "What these metrics are from.",
        ),
        "files_read_bytes": ("counter", 'Read, "really".'),
        "open": ("gauge", "Open."),
        "load_ratio": ("gauge", "Line one\nand \\ two"),
        "wait_seconds": ("histogram", ""),
    }
    assert samples(found["files_read_bytes"]) == {("files_read_bytes_total", (("codec", "flac"),)): 5}
    assert samples(found["open"]) == {("open", ()): -2}
    assert samples(found["load_ratio"]) == {("load_ratio", ()): 0.25}
    assert samples(found["wait_seconds"]) == {
        ("wait_seconds_bucket", (("le", "0.5"), ("queue", "q"))): 2,
        ("wait_seconds_bucket", (("le", "1.0"), ("queue", "q"))): 2,
        ("wait_seconds_bucket", (("le", "+Inf"), ("queue", "q"))): 3,
        ("wait_seconds_count", (("queue", "q"),)): 3,
        ("wait_seconds_sum", (("queue", "q"),)): 3.75,
    }
    for name in ("files_read_bytes", "open", "load_ratio", "wait_seconds"):
        assert all(sample.labels.items() >= SCOPE.items() for sample in found[name].samples)
    if openmetrics:
        assert (found["wait_seconds"].unit, found["files_read_bytes"].unit) == ("seconds", "bytes")


def test_what_the_metrics_are_from_is_told_once() -> None:
    """`target_info` has the resource's attributes."""
    program = Program()
    program.meter.create_counter("c").add(1)
    (sample,) = program.families(openmetrics=True)["target"].samples

    assert (sample.name, sample.labels, sample.value) == (
        "target_info",
        {"service_name": 'a "b"', "process_pid": "7"},
        1,
    )


def test_openmetrics_shows_the_traces_behind_a_bucket_and_a_counter() -> None:
    """Exemplars carry ids, value and time; the classic format has none."""
    program = Program()
    counter = program.meter.create_counter("c")
    histogram = program.meter.create_histogram("h", explicit_bucket_boundaries_advisory=[1, 2])
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("s") as span:
        histogram.record(1.5)
        counter.add(3)
    ids = {"trace_id": f"{span.get_span_context().trace_id:032x}", "span_id": f"{span.get_span_context().span_id:016x}"}
    families = program.families(openmetrics=True)
    found = {
        (sample.name, sample.labels.get("le")): (sample.exemplar.labels, sample.exemplar.value)
        for name in ("c", "h")
        for sample in families[name].samples
        if sample.exemplar
    }

    assert found == {("h_bucket", "2.0"): (ids, 1.5), ("c_total", None): (ids, 3.0)}
    assert " # {" not in program.text()


def test_the_end_of_openmetrics_is_marked() -> None:
    """A text that is cut short is not taken for a whole one."""
    program = Program()

    assert program.text(openmetrics=True).endswith("# EOF\n")
    assert list(read_openmetrics(program.text(openmetrics=True))) == []
    assert list(read_classic(program.text())) == []


def test_one_name_in_two_scopes_is_one_family() -> None:
    """Its series stand together, told apart by their scope; one of another kind is left out and named once."""
    program = Program()
    caught = program.provider.get_meter("other")
    program.meter.create_counter("c").add(1)
    program.meter.create_counter("d").add(1)
    caught.create_counter("c").add(2)
    caught.create_gauge("d").set(9)
    families = program.families(openmetrics=True)

    assert {sample.labels["otel_scope_name"]: sample.value for sample in families["c"].samples} == {
        "app": 1,
        "other": 2,
    }
    assert [sample.value for sample in families["d"].samples] == [1]


def test_a_kind_that_is_left_out_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """Two metrics of different kinds that Prometheus would call the same can't both be served."""
    program = Program()
    program.meter.create_counter("d").add(1)
    program.provider.get_meter("other").create_gauge("d").set(9)
    for _ in range(3):
        program.text()

    assert caplog.messages == ["the metric 'd' is not served: another is a counter by the same name d"]


def test_numbers_beyond_all_measure_are_spelt_as_prometheus_does() -> None:
    """A sum that ran over is infinite, a flag is a number."""
    program = Program()
    huge = program.meter.create_counter("c")
    for _ in range(2):
        huge.add(1.5e308)
    program.meter.create_gauge("g").set(True)
    families = program.families(openmetrics=False)

    assert [sample.value for sample in families["c"].samples] == [math.inf]
    assert [sample.value for sample in families["g"].samples] == [1]


def test_an_exponential_histogram_keeps_its_count_and_sum() -> None:
    """Text can't show its buckets: it has the one that holds all."""
    program = Program([View(instrument_name="h", aggregation=ExponentialBucketHistogramAggregation())])
    histogram = program.meter.create_histogram("h")
    for value in (1, 2, 30):
        histogram.record(value)

    assert samples(program.families(openmetrics=True)["h"]) == {
        ("h_bucket", (("le", "+Inf"),)): 3,
        ("h_count", ()): 3,
        ("h_sum", ()): 33,
    }


def test_series_that_come_and_go_are_rendered_right() -> None:
    """What is kept of a line belongs to its series, from scrape to scrape, also where attributes die and are born."""
    exposition = Exposition()
    for turn in range(30):
        reader = InMemoryMetricReader()
        counter = MeterProvider([reader], shutdown_on_exit=False).get_meter("app").create_counter("c")
        for number in range(20):
            counter.add(turn + number, {"n": f"{turn}-{number}"})
        families = list(read_classic(exposition.render(reader.get_metrics_data())))

        assert {sample.labels["n"]: sample.value for sample in families[-1].samples} == {
            f"{turn}-{number}": turn + number for number in range(20)
        }


def test_handles_are_rendered_without_the_sdk() -> None:
    """Counters and gauges with handles stand beside what the SDK collected."""
    made = bound_metrics("mine", MeterProvider(shutdown_on_exit=False))
    made.counter("files", {"codec": "flac"}, unit="{file}", meaning="Files.").add(3)
    made.gauge("load").set(0.5)
    made.gauge("never", {"a": "b"})
    text = Exposition().render(None, [("mine", metric) for metric in made.metrics])

    assert text == (
        "# TYPE files_total counter\n"
        "# HELP files_total Files.\n"
        'files_total{codec="flac",otel_scope_name="mine"} 3\n'
        "# TYPE load gauge\n"
        'load{otel_scope_name="mine"} 0.5\n'
        "# TYPE never gauge\n"
    )
