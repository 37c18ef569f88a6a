"""What a receiver says in the body of its answer, against protobuf's own classes."""

from __future__ import annotations

import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsPartialSuccess, ExportLogsServiceResponse

from otelkit.delivery.answer_body import partial_success, retry_delay, retry_delay_of_status, status_message

pytestmark = pytest.mark.sdk


@given(st.integers(0, 2**63 - 1), st.text())
def test_partial_success_is_what_protobuf_reads(rejected: int, message: str) -> None:
    """Any count and any text."""
    partial = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
    body = ExportLogsServiceResponse(partial_success=partial).SerializeToString()

    assert partial_success(body) == (rejected, message)


def test_a_negative_count_is_none() -> None:
    """int64 allows it, and the account would not add up."""
    partial = ExportLogsPartialSuccess(rejected_log_records=-1, error_message="x")

    assert partial_success(ExportLogsServiceResponse(partial_success=partial).SerializeToString()) == (0, "x")


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise(body: bytes) -> None:
    """A receiver may send what it likes."""
    rejected, message = partial_success(body)

    assert rejected >= 0
    assert isinstance(message, str)
    assert isinstance(status_message(body), str)
    for delay in (retry_delay(body), retry_delay_of_status(body)):
        assert delay is None or 0.0 <= delay <= 3600.0


@given(st.integers(0, 4000), st.integers(0, 999_999_999))
def test_a_retry_delay_is_what_protobuf_reads_up_to_an_hour(seconds: int, nanos: int) -> None:
    """By itself and among the details of a status."""
    info = RetryInfo()
    info.retry_delay.seconds, info.retry_delay.nanos = seconds, nanos
    details = []
    for detail in (DebugInfo(detail="x"), info):
        packed = Packed()
        packed.Pack(detail)
        details.append(packed)
    status = Status(code=14, message="busy", details=details).SerializeToString()
    expected = min(seconds + nanos / 1e9, 3600.0)

    assert retry_delay(info.SerializeToString()) == expected
    assert retry_delay_of_status(status) == expected
    assert status_message(status) == "busy"


def test_a_delay_in_the_past_is_none_at_all() -> None:
    """A negative duration means now."""
    info = RetryInfo()
    info.retry_delay.seconds = -5

    assert retry_delay(info.SerializeToString()) == 0.0
    assert retry_delay(b"") is None
    assert retry_delay_of_status(Status(code=14).SerializeToString()) is None
