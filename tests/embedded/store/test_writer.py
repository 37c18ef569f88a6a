"""What the writer promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelkit.embedded.store import open_reader
from otelkit.errors import StoreError, StoreLockedError
from tests.embedded.telemetry import START_NS, ManualClock, SpanOf, log, number, open_store, spans, stage
from tests.forking import in_child


def counts(path: Path) -> dict[str, int]:
    reader = open_reader(path)
    try:
        stats = reader.stats()
        return {what: stats[what] for what in ("spans", "traces", "logs", "points", "runs")}
    finally:
        reader.close()


def test_what_is_written_can_be_read_at_once_by_another_process(tmp_path: Path) -> None:
    """As soon as a write returns, `otelkit top` in another terminal sees it."""
    path = tmp_path / "telemetry.db"
    store = open_store(path)
    store.write([spans(SpanOf(), SpanOf()), log(), number("m", 1)])
    seen = in_child(lambda: counts(path))
    store.close()

    assert seen == {"spans": 2, "traces": 2, "logs": 1, "points": 1, "runs": 1}


def test_a_closed_store_is_one_file_and_opens_again(tmp_path: Path) -> None:
    """After an orderly end everything is in one file that can be copied, and the next start goes on with it."""
    path = tmp_path / "folder" / "telemetry.db"
    for second in range(3):
        store = open_store(path)
        store.write([spans(stage("parse", trace=7)), log(at_s=second)])
        store.close()

    assert not path.with_name("telemetry.db-wal").exists()
    assert counts(path) == {"spans": 3, "traces": 1, "logs": 3, "points": 0, "runs": 1}


def test_a_request_that_is_sent_again_is_stored_once(tmp_path: Path) -> None:
    """A sender that repeats a request because the answer was lost does not double the counts, not even after a restart."""
    path = tmp_path / "telemetry.db"
    batch, other = spans(stage("parse")), spans(stage("parse"))
    store = open_store(path)
    store.write([batch, batch])
    store.write([batch])
    store.close()
    store = open_store(path)
    store.write([batch, other])
    store.close()
    reader = open_reader(path)
    run = reader.run("run-1")
    reader.close()

    assert run is not None
    assert (run.spans, run.stages[0].calls) == (2, 2)


def test_records_without_a_time_are_never_taken_for_repeated(tmp_path: Path) -> None:
    """Log records that carry no time may be equal and still be two."""
    path = tmp_path / "telemetry.db"
    store = open_store(path)
    store.write([log(at_s=-START_NS / 1e9), log(at_s=-START_NS / 1e9)])
    store.close()

    assert counts(path)["logs"] == 2


def test_the_spans_of_a_trace_come_together_whenever_they_arrive(tmp_path: Path) -> None:
    """Spans that arrive in other requests, minutes and processes belong to their trace."""
    path, clock = tmp_path / "telemetry.db", ManualClock()
    store = open_store(path, clock)
    for _ in range(4):
        store.write([spans(SpanOf(trace=5), SpanOf())])
        clock.advance(90)
    store.close()
    store = open_store(path, clock)
    store.write([spans(SpanOf(trace=5))])
    reader = open_reader(path)
    trace = reader.trace(f"{5:032x}")
    reader.close()
    store.close()

    assert trace is not None
    assert len(trace.spans) == 5


def test_there_is_one_writer_at_a_time(tmp_path: Path) -> None:
    """A second receiver on the same store is refused, and told which process has it."""
    path = tmp_path / "telemetry.db"
    store = open_store(path)

    def second() -> str:
        with pytest.raises(StoreLockedError) as caught:
            open_store(path)
        return str(caught.value)

    message = in_child(second)
    store.close()
    open_store(path).close()

    assert "pid" in message
    assert "store_dir" in message


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    """If a write fails, nothing of it is stored or counted, and the next one works."""
    path = tmp_path / "telemetry.db"
    store = open_store(path)
    store.write([spans(stage("parse"))])
    broken = log()
    broken.groups[0].rows[0] = ("not", "a", "row")
    batch = spans(stage("parse", attributes={"new": "value"}), stage("store"))
    with pytest.raises(ValueError, match="unpack"):
        store.write([batch, broken])
    before = counts(path)
    store.write([batch])
    reader = open_reader(path)
    run = reader.run("run-1")
    reader.close()
    store.close()

    assert before == {"spans": 1, "traces": 1, "logs": 0, "points": 0, "runs": 1}
    assert run is not None
    assert {stage.name: stage.calls for stage in run.stages} == {"parse": 2, "store": 1}


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Writing after the end is an error of ours, not one of SQLite's."""
    store = open_store(tmp_path / "telemetry.db")
    store.close()
    store.close()

    with pytest.raises(StoreError, match="is closed"):
        store.write([spans(SpanOf())])


def test_a_thousand_requests_are_remembered_in_bounded_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of repeated requests forgets the oldest, on disk too."""
    monkeypatch.setattr("otelkit.embedded.store.writer.REQUESTS_REMEMBERED", 10)
    path = tmp_path / "telemetry.db"
    store = open_store(path)
    batches = [spans(SpanOf(trace=1)) for _ in range(30)]
    for batch in batches:
        store.write([batch])
    kept = store._connection.execute("SELECT count(*) FROM request").fetchone()[0]
    store.write([batches[-1], batches[0]])
    store.close()

    assert kept == 10
    assert counts(path)["spans"] == 31
