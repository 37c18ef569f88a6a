"""What is deleted, and what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelkit.embedded.store import Store, open_reader, retention
from otelkit.model.views import Reader
from tests.embedded.telemetry import RESOURCE, ManualClock, SpanOf, log, number, open_store, spans, stage

DAY_S = 86_400.0
PAD = {"pad": "x" * 520}  # too long for the dictionary, so that a span takes about 580 bytes


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.db"


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    open_store(path).close()
    reader = open_reader(path)
    yield reader
    reader.close()


def in_run(run_id: str) -> dict[str, object]:
    return RESOURCE | {"pipeline.run.id": run_id}


def maintained(store: Store) -> Counter[str]:
    """Return what was deleted, slice by slice, until nothing is left to do."""
    deleted: Counter[str] = Counter()
    while True:
        some, more = store.maintain()
        deleted.update(some)
        if not more:
            return deleted


def fill(store: Store, clock: ManualClock, minutes: int, spans_a_minute: int = 200, first: int = 0) -> None:
    """Write a trace of ten spans at a time, spread over minutes."""
    for minute in range(first, first + minutes):
        for part in range(spans_a_minute // 10):
            trace = 1_000_000 + minute * 1_000 + part
            store.write([spans(*(stage("work", trace=trace, attributes=PAD) for _ in range(10)))])
        clock.advance(60)


def test_what_is_too_old_is_deleted_whole(path: Path, clock: ManualClock, reader: Reader) -> None:
    """A trace goes with all its spans and log records, and everything younger stays."""
    store = open_store(path, clock, max_age_s=DAY_S)
    old, young = stage("work", trace=1), stage("work", trace=2)
    store.write([spans(old, stage("work", trace=1)), log(span=old), log("no trace"), number("m", 1)])
    clock.advance(DAY_S / 2)
    store.write([spans(young), log(span=young)])
    clock.advance(DAY_S / 2 + 120)
    deleted = maintained(store)
    store.close()
    run = reader.run("run-1")

    assert deleted == {"spans": 2, "logs": 2, "traces": 1, "points": 1}
    assert reader.trace(f"{1:032x}") is None
    kept = reader.trace(f"{2:032x}")
    assert kept is not None
    assert (len(kept.spans), len(kept.logs)) == (1, 1)
    assert run is not None
    assert (run.spans, run.logs) == (1, 1)


def test_the_stage_table_outlives_its_spans(path: Path, clock: ManualClock, reader: Reader) -> None:
    """Deleting traces does not change what the stage table says of a run that is still there."""
    store = open_store(path, clock, max_age_s=DAY_S)
    store.write([spans(stage("parse"), stage("parse"))])
    clock.advance(DAY_S)
    store.write([spans(stage("store"))])
    clock.advance(120)
    maintained(store)
    store.close()
    run = reader.run("run-1")

    assert run is not None
    assert {stage.name: stage.calls for stage in run.stages} == {"parse": 2, "store": 1}


def test_a_trace_that_still_grows_is_not_old(path: Path, clock: ManualClock, reader: Reader) -> None:
    """A trace is as old as its last span, so that a run of weeks is never cut in two."""
    store = open_store(path, clock, max_age_s=DAY_S)
    for _ in range(5):
        store.write([spans(SpanOf(trace=1))])
        clock.advance(DAY_S / 2)
        maintained(store)
    store.close()
    trace = reader.trace(f"{1:032x}")

    assert trace is not None
    assert len(trace.spans) == 5


def test_a_run_of_which_nothing_is_left_is_deleted(path: Path, clock: ManualClock, reader: Reader) -> None:
    """The list of runs does not grow for ever, and a run of the same id can begin anew."""
    store = open_store(path, clock, max_age_s=DAY_S)
    store.write([spans(stage("old"), resource=in_run("gone"))])
    store.set_run("never heard of", state="failed")
    clock.advance(DAY_S + 120)
    store.write([spans(stage("new"), resource=in_run("here"))])
    deleted = maintained(store)
    ids = [run.id for run in reader.runs()]
    store.write([spans(stage("again"), resource=in_run("gone"))])
    again = reader.run("gone")
    store.close()

    assert deleted["runs"] == 2
    assert ids == ["here"]
    assert again is not None
    assert [stage.name for stage in again.stages] == ["again"]


def test_the_file_stays_within_its_bound(path: Path, clock: ManualClock, reader: Reader) -> None:
    """However much arrives, the file does not exceed the setting by more than one write; the newest is kept."""
    limit = 2_000_000
    store = open_store(path, clock, max_bytes=limit)
    biggest = 0
    for minute in range(30):
        fill(store, clock, 1, 500, first=minute)
        biggest = max(biggest, path.stat().st_size)
        maintained(store)
    newest = reader.trace(f"{1_000_000 + 29 * 1_000:032x}")
    oldest = reader.trace(f"{1_000_000:032x}")
    stats = reader.stats()
    store.close()

    assert biggest < 1.2 * limit
    assert newest is not None
    assert len(newest.spans) == 10
    assert oldest is None
    assert stats["spans"] == 10 * stats["traces"]
    assert stats["spans"] < 15_000


def test_a_lowered_bound_gives_space_back(path: Path, clock: ManualClock, reader: Reader) -> None:
    """After the setting was lowered the file shrinks, and its newest traces are whole."""
    store = open_store(path, clock)
    fill(store, clock, 60, 200)
    store.close()
    before = path.stat().st_size
    clock.advance(3_600)
    store = open_store(path, clock, max_bytes=before // 4)
    deleted = maintained(store)
    store.close()
    stats = reader.stats()
    newest = reader.trace(f"{1_000_000 + 59 * 1_000:032x}")

    assert deleted["spans"] + stats["spans"] == 12_000
    assert stats["spans"] == 10 * stats["traces"] > 0
    assert path.stat().st_size < 0.3 * before
    assert newest is not None
    assert len(newest.spans) == 10


def test_growing_traces_are_spared_while_anything_else_is_left(path: Path, clock: ManualClock, reader: Reader) -> None:
    """The run that is being recorded is the last to lose anything to the size limit."""
    store = open_store(path, clock, max_bytes=1_500_000)
    store.write([spans(stage("work", trace=1))])
    for minute in range(20):
        fill(store, clock, 1, 500, first=minute)
        store.write([spans(stage("work", trace=1))])
    store.close()
    growing = reader.trace(f"{1:032x}")

    assert growing is not None
    assert len(growing.spans) == 21
    assert reader.stats()["spans"] < 10_000


def test_a_single_trace_beyond_the_bound_does_not_grow_for_ever(path: Path, clock: ManualClock) -> None:
    """The bound on the disk comes first, even if all there is belongs to one trace."""
    store = open_store(path, clock, max_bytes=1_000_000)
    for _ in range(100):
        store.write([spans(*(stage("work", trace=1, attributes=PAD) for _ in range(100)))])
    store.close()

    assert path.stat().st_size < 1_200_000


def test_attributes_that_nothing_uses_leave_the_dictionary(path: Path, clock: ManualClock, reader: Reader) -> None:
    """The dictionary forgets the values of deleted runs; those still in use keep their meaning."""
    store = open_store(path, clock, max_age_s=DAY_S)
    for day in range(6):
        for _ in range(20):
            store.write([spans(stage("work", attributes={"always": "the same", f"on day {day}": day}))])
            clock.advance(3_600)
        store.write([spans(stage("work", trace=day + 1, attributes={"always": "the same", f"on day {day}": day}))])
        clock.advance(4 * 3_600)
        maintained(store)
    entries = store._connection.execute("SELECT raw FROM attribute").fetchall()
    store.close()
    last = reader.trace(f"{6:032x}")

    assert len([raw for (raw,) in entries if b"on day" in raw]) <= 3
    assert last is not None
    assert last.spans[0].attributes["always"] == "the same"
    assert last.spans[0].attributes["on day 5"] == 5


def test_maintaining_a_store_within_its_bounds_deletes_nothing(path: Path, clock: ManualClock) -> None:
    """Nothing is deleted without need."""
    store = open_store(path, clock)
    store.write([spans(SpanOf()), log()])
    deleted = maintained(store)
    store.close()

    assert deleted == {}


def test_one_call_does_one_slice(
    path: Path, clock: ManualClock, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes waits for no more than that, and between two slices the store takes what comes."""
    monkeypatch.setattr(retention, "_TRACES", 5)
    store = open_store(path, clock, max_age_s=DAY_S)
    fill(store, clock, 1, 120)
    clock.advance(DAY_S + 120)
    first = store.maintain()
    store.write([spans(stage("new", trace=1))])
    maintained(store)
    store.close()

    assert (first.deleted["traces"], first.more) == (5, True)
    assert reader.stats()["traces"] == 1
