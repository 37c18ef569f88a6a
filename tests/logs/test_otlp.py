from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as Received
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import TraceFlags

from otelkit._otlp.encoded import Encoded
from otelkit.logs.otlp import LogEncoder
from tests.otlp.generated import GENEROUSLY, attributes, resources, scopes, texts, times, values

HERE = Resource({"service.name": "here"})


class Unreadable(ReadableLogRecord):
    """A record of a stranger's class that fails."""

    @property
    def dropped_attributes(self) -> int:
        raise LookupError("no idea")


def made(body: Any = "text", *, kind: type[ReadableLogRecord] = ReadableLogRecord, **said: Any) -> ReadableLogRecord:
    """Return a record."""
    return kind(LogRecord(**{"timestamp": 1, "observed_timestamp": 2, "body": body, **said}), HERE)


def decoded(body: bytes) -> ExportLogsServiceRequest:
    """Return the message in ``body``."""
    return ExportLogsServiceRequest.FromString(body)


def only(body: bytes) -> Received:
    """Return the one record in ``body``."""
    ((record,),) = [scope.log_records for each in decoded(body).resource_logs for scope in each.scope_logs]
    return record


def same(body: bytes, records: Sequence[ReadableLogRecord]) -> bool:
    """Return whether ``body`` decodes to what the stock encoder makes of ``records``."""
    # As bytes: messages with a NaN in them are equal to nothing.
    return decoded(body).SerializeToString(deterministic=True) == encode_logs(records).SerializeToString(
        deterministic=True
    )


records = st.builds(
    ReadableLogRecord,
    st.builds(
        LogRecord,
        timestamp=times,
        observed_timestamp=times,
        trace_id=st.integers(0, (1 << 128) - 1),
        span_id=st.integers(0, (1 << 64) - 1),
        trace_flags=st.sampled_from([TraceFlags(0), TraceFlags(1), TraceFlags(3)]),
        severity_text=st.none() | texts,
        severity_number=st.none() | st.sampled_from(SeverityNumber),
        body=values,
        attributes=attributes,
        event_name=st.none() | texts,
    ),
    resources,
    scopes,
)


@pytest.mark.sdk
@given(st.lists(records, max_size=4))
@GENEROUSLY
def test_records_are_written_as_by_the_stock_encoder(batch: list[ReadableLogRecord]) -> None:
    """Times, severities, bodies, attributes, ids, names, resources and scopes decode to what the stock encoder makes."""
    encoded = LogEncoder().encode(batch)

    assert (encoded.written, encoded.left_out) == (len(batch), 0)
    assert same(encoded.body, batch)


def test_a_record_that_cannot_be_written_costs_no_other() -> None:
    """One record that raises when it is read is left out, counted and told; the others leave."""
    told: list[Exception] = []
    good = [made("one"), made("two")]

    encoded = LogEncoder(on_failed=told.append).encode([good[0], made(kind=Unreadable), good[1]])

    assert (encoded.written, encoded.left_out) == (2, 1)
    assert same(encoded.body, good)
    assert [type(error) for error in told] == [LookupError]


def test_an_attribute_that_cannot_be_written_is_counted_as_dropped() -> None:
    """A reader sees that something is missing; the stock encoder says nothing."""
    record = only(LogEncoder().encode([made(attributes={"known": 1, "unknown": object()})]).body)

    assert [each.key for each in record.attributes] == ["known"]
    assert record.dropped_attributes_count == 1


def test_a_body_of_unknown_type_arrives_as_its_text() -> None:
    """What OTLP has no type for is told as the program would print it; for the stock encoder it costs the whole batch."""
    assert only(LogEncoder().encode([made(ValueError("no"))]).body).body.string_value == "no"


def test_a_body_that_fails_to_be_read_costs_the_body_only() -> None:
    """A mapping that raises, and can't even be printed, leaves a word on what happened."""

    class Hostile(Mapping[str, int]):
        def __getitem__(self, key: str) -> int:
            raise RuntimeError("hostile")

        def __iter__(self) -> Any:
            raise RuntimeError("hostile")

        def __len__(self) -> int:
            return 1

        def __str__(self) -> str:
            raise RuntimeError("hostile")

    encoded = LogEncoder().encode([made(Hostile())])

    assert encoded.written == 1
    assert "whose str() raised RuntimeError" in only(encoded.body).body.string_value


def test_surrogates_are_replaced() -> None:
    """A file name that is no UTF-8 arrives repaired; for the stock encoder it costs the whole batch."""
    record = only(LogEncoder().encode([made("a\udcff.py", severity_text="\udcff", event_name="\udcff")]).body)

    assert (record.body.string_value, record.severity_text, record.event_name) == ("a\ufffd.py", "\ufffd", "\ufffd")


def test_a_record_outside_of_spans_has_no_ids() -> None:
    """Nor has one whose ids are None, which the stock encoder fails on."""
    outside = made()
    outside.log_record.trace_id = outside.log_record.span_id = None
    outside.log_record.trace_flags = None
    record = only(LogEncoder().encode([outside]).body)

    assert (record.trace_id, record.span_id, record.flags) == (b"", b"", 0)


def test_a_large_batch_is_several_requests() -> None:
    """Records that are together too large for a receiver go in requests that are not, in their order."""
    batch = [made("x" * 1000) for _ in range(20)]

    requests = LogEncoder(request_bytes=4000).requests(batch)

    assert all(len(encoded.body) <= 4000 for encoded in requests)
    assert sum(encoded.written for encoded in requests) == len(batch)
    assert same(requests[0].body, batch[: requests[0].written])


def test_nothing_is_no_request() -> None:
    """A batch without records, or with none that can be written, is no bytes."""
    assert LogEncoder().encode([]) == Encoded(b"", 0, 0)
    assert LogEncoder().encode([made(kind=Unreadable)]) == Encoded(b"", 0, 1)


def test_threads_that_encode_at_once_do_not_disturb_each_other() -> None:
    """In a burst the program's own threads encode, all with one encoder."""
    encoder = LogEncoder()
    batches = [[made(f"text {n}", attributes={f"key {n % 5}": n, "text": str(n)})] * 40 for n in range(64)]

    with ThreadPoolExecutor(8) as pool:
        bodies = [encoded.body for encoded in pool.map(encoder.encode, batches)]

    assert all(same(body, batch) for body, batch in zip(bodies, batches, strict=True))
