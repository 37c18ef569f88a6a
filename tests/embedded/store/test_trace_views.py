"""What `otelkit trace` shows, from what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from otelkit.embedded.store import Store, open_reader
from otelkit.embedded.wire import Decoder
from otelkit.model.views import EventView, LinkView, LogView, Reader, SpanView
from tests.embedded.otlp import key_values
from tests.embedded.telemetry import START_NS, SpanOf, log, open_store, spans


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "telemetry.db")
    yield store
    store.close()


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    reader = open_reader(store.path)
    yield reader
    reader.close()


def test_a_span_is_read_as_it_was_sent(store: Store, reader: Reader) -> None:
    """Every field of a span arrives in the view, of whatever type its attributes are."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(key_values({"service.name": "app", "process.pid": 7}))
    scope = group.scope_spans.add()
    scope.scope.name = "library"
    span = scope.spans.add(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        parent_span_id=b"p" * 8,
        name="GET",
        kind=3,
        start_time_unix_nano=START_NS,
        end_time_unix_nano=START_NS + 1_500,
        trace_state="a=b",
        flags=0x301,
        attributes=key_values(
            {"text": "é", "yes": True, "n": -5, "x": 0.5, "list": ["a", 1], "raw": b"\x00\xff", "deep": {"k": [1]}}
        ),
    )
    span.status.code, span.status.message = Status.STATUS_CODE_ERROR, "no"
    span.events.add(name="e", time_unix_nano=START_NS + 1, attributes=key_values({"k": 1}))
    span.links.add(trace_id=b"l" * 16, span_id=b"m" * 8, attributes=key_values({"k": "v"}))
    store.write([Decoder().decode("traces", request.SerializeToString())])
    trace = reader.trace((b"t" * 16).hex())

    assert trace is not None
    assert trace.spans == (
        SpanView(
            span_id="73" * 8,
            parent_span_id="70" * 8,
            name="GET",
            start_unix_nano=START_NS,
            duration_ns=1_500,
            status="error",
            attributes={
                "text": "é", "yes": True, "n": -5, "x": 0.5, "list": ["a", 1], "raw": "AP8=", "deep": {"k": [1]},
            },
            events=(EventView("e", START_NS + 1, {"k": 1}),),
            links=(LinkView("6c" * 16, "6d" * 8, {"k": "v"}),),
            resource={"service.name": "app", "process.pid": 7},
            kind="client",
            status_message="no",
            trace_state="a=b",
            scope="library",
        ),
    )  # fmt: skip


def test_spans_come_by_start_and_logs_by_time(store: Store, reader: Reader) -> None:
    """The waterfall is in the order in which things happened, whatever order they arrived in."""
    late, early = SpanOf("late", 2, trace=1), SpanOf("early", 1, trace=1)
    store.write([spans(late, early), log("second", 2, span=late), log("first", 1, span=early)])
    trace = reader.trace(f"{1:032x}")

    assert trace is not None
    assert [span.name for span in trace.spans] == ["early", "late"]
    assert [record.body for record in trace.logs] == ["first", "second"]


def test_a_log_record_is_read_as_it_was_sent(store: Store, reader: Reader) -> None:
    """Ids, severity, body and attributes of a record arrive; a severity without text gets its name."""
    span = SpanOf()
    store.write([log("hello", 1, span=span, attributes={"k": 1}, severity=17), log({"a": [1, b"x"]}, 2, span=span)])
    trace = reader.trace(span.trace_id.hex())

    assert trace is not None
    assert trace.logs == (
        LogView(START_NS + 10**9, span.trace_id.hex(), f"{span.number:016x}", "ERROR", "hello", {"k": 1}),
        LogView(START_NS + 2 * 10**9, span.trace_id.hex(), f"{span.number:016x}", "INFO", "{'a': [1, 'eA==']}", {}),
    )


def test_a_trace_is_found_by_a_unique_prefix_in_either_case(store: Store, reader: Reader) -> None:
    """The first characters of a trace id are enough where they are enough."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for first in (0xAB, 0xAC):
        scope.spans.add(trace_id=bytes((first,)) * 16, span_id=b"s" * 8)
    store.write([Decoder().decode("traces", request.SerializeToString())])
    found = reader.trace("AB")

    assert found is not None
    assert found.trace_id == "ab" * 16
    assert reader.trace("aba") is not None
    for unknown in ("", "a", "ad", "xyz", "ab" * 17, "ab" * 15 + "é"):
        assert reader.trace(unknown) is None


def test_span_names_made_from_data_are_kept(store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names beyond those that the store numbers are stored with their spans, and read as any other."""
    monkeypatch.setattr("otelkit.embedded.store.span_rows._MOST_SHAPES", 10)
    store.write([spans(*(SpanOf(f"GET /item/{index}", index, trace=1) for index in range(50)))])
    trace = reader.trace(f"{1:032x}")
    shapes = store._connection.execute("SELECT count(*) FROM shape").fetchone()[0]

    assert trace is not None
    assert [span.name for span in trace.spans] == [f"GET /item/{index}" for index in range(50)]
    assert shapes <= 12


def test_a_reader_follows_the_writer(store: Store, reader: Reader) -> None:
    """A reader that is kept open sees what is written later, attributes it never heard of included."""
    for index in range(3):
        store.write([spans(SpanOf(trace=1, at_s=index, attributes={"index": index}))])
        trace = reader.trace(f"{1:032x}")
        assert trace is not None
        assert [span.attributes for span in trace.spans] == [{"index": number} for number in range(index + 1)]
