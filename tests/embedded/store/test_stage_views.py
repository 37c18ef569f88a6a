"""The stage table when spans do not tell everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otelkit.embedded.store import SqliteReader, Store, open_reader
from otelkit.model.views import StageRow
from tests.embedded.telemetry import RESOURCE, START_NS, ManualClock, durations, number, open_store, spans, stage

CUMULATIVE = 2
SAMPLED_TENTH = "ot=th:e6666666666666"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    opened = open_store(tmp_path / "store.sqlite", clock)
    yield opened
    opened.close()


@pytest.fixture
def reader(store: Store, clock: ManualClock) -> Iterator[SqliteReader]:
    opened = open_reader(store.path, clock=clock)
    yield opened
    opened.close()


def rows(reader: SqliteReader) -> dict[str, StageRow]:
    run = reader.run("run-1")
    assert run is not None
    return {row.name: row for row in run.stages}


def items(stage_name: str, outcome: str, count: int, at_s: float = 0.0) -> object:
    attributes = {"pipeline.stage.name": stage_name, "pipeline.item.outcome": outcome}
    return number("pipeline.stage.items", count, at_s, attributes, None, CUMULATIVE)


def test_without_any_span_the_table_is_made_from_metrics(store: Store, reader: SqliteReader) -> None:
    """With `always_off` every call, failure and item is still counted."""
    store.write([durations("read", [0.5] * 10), durations("parse", [0.05] * 97, 1)])
    store.write([durations("parse", [0.005] * 2, 1, error="ValueError"), durations("parse", [2], 1, error="OSError")])
    store.write([items("parse", outcome, count, 1) for outcome, count in (("ok", 97), ("failed", 3), ("skipped", 4))])
    store.set_run("run-1", state="ok", started_ns=START_NS, ended_ns=START_NS + 10**10)
    table = rows(reader)
    parse = table["parse"]

    assert list(table) == ["read", "parse"]
    assert (parse.calls, parse.failed, parse.source) == (100, 3, "metrics")
    assert parse.errors == {"ValueError": 2, "OSError": 1}
    assert (parse.items, parse.items_failed, parse.items_skipped) == (104, 3, 4)
    assert parse.busy == pytest.approx((97 * 0.05 + 0.01 + 2) / 10)
    assert parse.calls_per_s == pytest.approx(10)


def test_sampled_spans_give_way_to_the_exact_count(store: Store, reader: SqliteReader) -> None:
    """At a tenth, metrics say how many calls there were, whether the spans' estimate is above or below."""
    for name, kept in (("few", 8), ("many", 12)):
        store.write(
            [spans(*(stage(name, trace_state=SAMPLED_TENTH) for _ in range(kept))), durations(name, [0.1] * 100)]
        )
    table = rows(reader)

    assert [(row.calls, row.source) for row in table.values()] == [(100, "metrics"), (100, "metrics")]


def test_unsampled_spans_keep_the_table(store: Store, reader: SqliteReader) -> None:
    """Where every span arrived and metrics are late, what is seen counts."""
    store.write([spans(*(stage("parse") for _ in range(10))), durations("parse", [0.1] * 7)])
    late = rows(reader)["parse"]
    store.write([durations("parse", [0.1] * 10, 1)])
    level = rows(reader)["parse"]

    assert (late.calls, late.source) == (10, "spans")
    assert (level.calls, level.source) == (10, "spans")


def test_spans_without_metrics_are_estimated_as_before(store: Store, reader: SqliteReader) -> None:
    """A sampled program that sends no metrics is counted by the sampling probability of its spans."""
    store.write([spans(stage("parse", trace_state=SAMPLED_TENTH))])

    assert (rows(reader)["parse"].calls, rows(reader)["parse"].source) == (10, "spans")


def test_processes_add_up_and_each_counts_its_last_word(store: Store, reader: SqliteReader) -> None:
    """Cumulative counts of several workers are summed, not those of one worker at several times."""
    for worker in range(3):
        resource = RESOURCE | {"service.instance.id": f"worker {worker}"}
        for second in (1, 2):
            store.write([durations("parse", [0.1] * second * 10, second, resource=resource)])

    assert rows(reader)["parse"].calls == 60


def test_delta_histograms_are_summed(store: Store, reader: SqliteReader) -> None:
    """Programs that send only what is new since the last export are counted rightly."""
    for second, values in enumerate(([0.05] * 9, [5.0])):
        store.write([durations("parse", values, second, temporality=1)])
    row = rows(reader)["parse"]

    assert row.calls == 10
    assert 0.01 <= (row.p50_s or 0) <= 0.1
    assert 1.0 <= (row.p95_s or 0) <= 5.0


def test_what_arrives_out_of_order_does_not_count_back(store: Store, reader: SqliteReader) -> None:
    """An older cumulative point that comes later changes nothing."""
    store.write([durations("parse", [0.1] * 20, 2), durations("parse", [0.1] * 10, 1)])

    assert rows(reader)["parse"].calls == 20


def test_a_quantile_lies_in_its_bucket_where_the_spans_say(store: Store, reader: SqliteReader) -> None:
    """A few sampled spans make the wide bucket of a metric as fine as spans are."""
    values = [0.2] * 50 + [0.9] * 50
    store.write([durations("parse", values), spans(stage("parse", lasts_s=0.2), stage("parse", lasts_s=0.9))])
    row = rows(reader)["parse"]

    assert row.source == "metrics"
    assert (row.p50_s, row.p95_s) == (pytest.approx(0.2, rel=0.05), pytest.approx(0.9, rel=0.05))


def test_live_rates_come_from_the_metrics_too(store: Store, reader: SqliteReader, clock: ManualClock) -> None:
    """Without spans the table still moves, and stops when the program does."""
    store.set_run("run-1", state="running", started_ns=START_NS)
    early = None
    for second in range(1, 11):
        store.write([durations("parse", [0.1] * 30 * second, second), items("parse", "ok", 60 * second, second)])
        early = early or rows(reader)["parse"]
    clock.advance(10)
    running = rows(reader)["parse"]
    clock.advance(10)
    stalled = rows(reader)["parse"]

    assert early is not None
    assert early.calls_per_s is None
    assert (running.calls_per_s, running.items_per_s) == (pytest.approx(30), pytest.approx(60))
    assert stalled.calls_per_s == 0


def test_a_run_of_metrics_alone_lasts_from_their_start(store: Store, reader: SqliteReader) -> None:
    """The first export comes seconds after the start: the run began when counting did."""
    store.write([durations("parse", [0.1], 10, since_s=1), durations("parse", [0.1] * 2, 12, since_s=1)])
    run = reader.run("run-1")

    assert run is not None
    assert run.started_at == "2023-11-14T22:13:21.000000Z"


def test_what_metrics_said_survives_a_restart_of_the_writer(store: Store, reader: SqliteReader) -> None:
    """The store goes on counting where it stopped."""
    store.write([durations("parse", [0.1] * 3, 1, temporality=1)])
    store.close()
    again = open_store(store.path)
    again.write([durations("parse", [0.1] * 4, 2, temporality=1)])
    again.close()

    assert rows(reader)["parse"].calls == 7


def test_series_beyond_a_programs_limit_are_counted_together(store: Store, reader: SqliteReader) -> None:
    """The overflow series of OpenTelemetry names no stage; its calls are not lost from the table."""
    attributes = {"otel.metric.overflow": True}
    store.write([number("pipeline.stage.items", 5, 0, attributes, None, CUMULATIVE)])
    store.write([durations("parse", [0.1])])

    assert set(rows(reader)) == {"parse", "(other)"}
