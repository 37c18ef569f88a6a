"""Traces as a decision at their end would see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otelkit.embedded.store import Store, open_reader
from otelkit.embedded.store.reader import SqliteReader
from otelkit.model.views import TraceEnd
from tests.embedded.telemetry import RESOURCE, START_NS, ManualClock, SpanOf, open_store, spans


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "telemetry.db", ManualClock())
    yield store
    store.close()


@pytest.fixture
def reader(store: Store) -> Iterator[SqliteReader]:
    reader = open_reader(store.path, clock=ManualClock())
    yield reader
    reader.close()


def hex_of(number: int) -> str:
    return f"{number:032x}"


def test_each_trace_is_one_with_its_root_its_errors_and_its_time(store: Store, reader: SqliteReader) -> None:
    """From the first start to the last end, whatever span that is; in the order of their ends."""
    store.write(
        [
            spans(
                SpanOf("analyse", 0.0, 2.0, trace=1, number=10),
                SpanOf("parse", 0.5, 3.0, trace=1, parent=10, error="bad"),
                SpanOf("analyse", 1.0, 0.5, trace=2),
            )
        ]
    )

    assert reader.trace_ends("run-1", 10) == [
        TraceEnd(hex_of(2), "analyse", False, 500_000_000, START_NS + 1_500_000_000, 1),
        TraceEnd(hex_of(1), "analyse", True, 3_500_000_000, START_NS + 3_500_000_000, 2),
    ]


def test_a_trace_whose_start_is_not_stored_has_no_name(store: Store, reader: SqliteReader) -> None:
    """Its root is elsewhere."""
    store.write([spans(SpanOf("parse", trace=1, parent=77))])

    assert [end.root for end in reader.trace_ends("run-1", 10)] == [""]


def test_only_the_run_that_was_asked_for_counts(store: Store, reader: SqliteReader) -> None:
    """Of others nothing is told, nor of runs that are not there."""
    store.write([spans(SpanOf(trace=1)), spans(SpanOf(trace=2), resource=RESOURCE | {"pipeline.run.id": "other"})])

    assert [end.trace_id for end in reader.trace_ends("other", 10)] == [hex_of(2)]
    assert reader.trace_ends("none", 10) == []


def test_no_more_are_told_than_were_asked_for(store: Store, reader: SqliteReader) -> None:
    """So that a large store costs no more than somebody is willing to wait for."""
    store.write([spans(*(SpanOf(trace=number) for number in range(1, 50)))])

    assert len(reader.trace_ends("run-1", 7)) == 7
