"""Long stage calls are seen while they run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otelkit.embedded.store import SqliteReader, Store, open_reader
from otelkit.embedded.wire import Batch
from otelkit.model.views import LongCall
from tests.embedded.telemetry import ManualClock, SpanOf, log, number, open_store, spans, stage


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    opened = open_store(tmp_path / "store.sqlite", clock)
    opened.set_run("run-1", state="running")
    yield opened
    opened.close()


@pytest.fixture
def reader(store: Store, clock: ManualClock) -> Iterator[SqliteReader]:
    opened = open_reader(store.path, clock=clock)
    yield opened
    opened.close()


def long_calls(reader: SqliteReader) -> tuple[LongCall, ...]:
    run = reader.run("run-1")
    assert run is not None
    return run.long_calls


def beat(elapsed_s: Any, at_s: float, span: SpanOf | None = None, item: str | None = "big.wav") -> Batch:
    attributes: dict[str, Any] = {"pipeline.stage.name": "enhance", "pipeline.stage.elapsed_s": elapsed_s}
    if item is not None:
        attributes["pipeline.item.id"] = item
    return log("enhance still runs", at_s, span, attributes, event="pipeline.stage.heartbeat")


def test_a_long_call_is_shown_with_its_item_until_its_span_arrives(
    store: Store, reader: SqliteReader, clock: ManualClock
) -> None:
    """Somebody who waits sees on what, and since when."""
    call = stage("enhance", lasts_s=25.0)
    for second in (10, 20):
        store.write([beat(float(second), second, call)])
    clock.advance(22)
    (running,) = long_calls(reader)
    store.write([spans(call)])

    assert (running.stage, running.item, running.trace_id) == ("enhance", "big.wav", call.trace_id.hex())
    assert running.elapsed_s == pytest.approx(22)
    assert long_calls(reader) == ()


def test_a_call_that_is_no_longer_heard_of_is_not_shown(store: Store, reader: SqliteReader, clock: ManualClock) -> None:
    """A killed worker, or a call whose span is not sampled, leaves nothing behind."""
    store.write([beat(10.0, 10, stage("enhance"))])
    clock.advance(34)
    waiting = len(long_calls(reader))
    clock.advance(2)

    assert (waiting, len(long_calls(reader))) == (1, 0)


def test_a_stage_of_which_nothing_runs_has_no_long_call(store: Store, reader: SqliteReader, clock: ManualClock) -> None:
    """Metrics know of the end of calls that are not sampled."""
    store.write([beat(10.0, 10, stage("enhance"))])
    store.write([number("pipeline.stage.active", 0, 11, {"pipeline.stage.name": "enhance"}, None, 2)])
    clock.advance(11)

    assert long_calls(reader) == ()


def test_the_longest_come_first_and_not_too_many(store: Store, reader: SqliteReader, clock: ManualClock) -> None:
    """A thousand slow workers show the five slowest, and take bounded space."""
    clock.advance(30)
    store.write([beat(10.0 + number, 30, item=f"item {number}") for number in range(300)])

    assert [call.item for call in long_calls(reader)] == [f"item {number}" for number in (299, 298, 297, 296, 295)]
    with reader._snapshot():
        assert reader._connection.execute("SELECT count(*) FROM heartbeat").fetchone() == (200,)


def test_nonsense_is_a_log_record_and_nothing_else(store: Store, reader: SqliteReader) -> None:
    """A foreign event of the same name can't break the store."""
    store.write([beat(value, 1, item=None) for value in (True, "soon", float("nan"), float("inf"), -1)])
    store.write([log("pipeline.stage.heartbeat", 1, attributes={"pipeline.stage.name": "enhance"})])
    run = reader.run("run-1")

    assert run is not None
    assert run.logs == 6
    assert {call.stage for call in run.long_calls} <= {"enhance"}


def test_a_run_that_is_over_has_no_long_calls(store: Store, reader: SqliteReader, clock: ManualClock) -> None:
    """What a run that was killed was doing is no longer being done."""
    store.write([beat(10.0, 10, stage("enhance"))])
    clock.advance(11)
    store.set_run("run-1", state="failed")

    assert long_calls(reader) == ()
