"""What is said of a failing call."""

from __future__ import annotations

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelkit.embedded.store.notable import Notable, error_text
from tests.embedded.otlp import key_values


def rest_of(event: dict[str, str] | None = None, status: str = "") -> bytes:
    span = Span()
    if event is not None:
        span.events.add(name="exception", attributes=key_values(event))
    if status:
        span.status.message = status
    return bytes(span.SerializeToString())


@pytest.mark.parametrize(
    ("error_type", "rest", "expected"),
    [
        ("ValueError", rest_of({"exception.message": "bad"}), "ValueError: bad"),
        (None, rest_of({"exception.type": "KeyError", "exception.message": "'k'"}), "KeyError: 'k'"),
        ("ValueError", rest_of(status="from the status"), "ValueError: from the status"),
        ("ValueError", rest_of({"exception.message": ""}, "status"), "ValueError"),
        ("ValueError", b"", "ValueError"),
        (None, b"", "error"),
    ],
)
def test_an_error_is_its_type_and_message(error_type: str | None, rest: bytes, expected: str) -> None:
    """The exception's own words come first, the span's status where there is no exception."""
    assert error_text(error_type, rest) == expected


def test_a_long_message_is_shortened() -> None:
    """A message of a megabyte does not end up in every table."""
    text = error_text("ValueError", rest_of({"exception.message": "x" * 1_000_000}))

    assert len(text) == 300
    assert text.endswith("…")


def test_a_notable_call_comes_back_as_it_was_stored() -> None:
    """With or without an item and an error."""
    call = Notable("parse", "a.py", "ab" * 16, "cd" * 8, 5, 7, "ValueError: bad")

    assert Notable.from_json(call.to_json()) == call
    assert Notable.from_json(None) is None
