from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan

from otelkit._otlp.encoded import Encoded
from otelkit.spans.light_span import LightSpan
from otelkit.spans.otlp.request import SpanEncoder
from tests.otlp.generated import GENEROUSLY
from tests.spans.made import spans as made
from tests.spans.otlp.generated import decoded, plain_spans, same
from tests.spans.otlp.stage_calls import call, encoder


class Unreadable(ReadableSpan):
    """A span of a stranger's class that fails."""

    @property
    def name(self) -> str:
        raise LookupError("no name")


@pytest.mark.sdk
@given(st.lists(plain_spans, max_size=8))
@GENEROUSLY
def test_a_batch_is_grouped_as_by_the_stock_encoder(batch: list[ReadableSpan]) -> None:
    """Spans of several resources and scopes decode to the message that the stock encoder makes, in the same order."""
    encoded = SpanEncoder({}).encode(batch)

    assert (encoded.written, encoded.left_out) == (len(batch), 0)
    assert same(encoded.body, batch)


@pytest.mark.sdk
@given(st.lists(plain_spans | st.integers(0, 3), max_size=10))
@GENEROUSLY
def test_stage_spans_and_others_share_a_request(drawn: list[ReadableSpan | int]) -> None:
    """Stage spans between spans of other instrumentations are grouped as if all were the SDK's."""
    batch = [call() if isinstance(each, int) else each for each in drawn]

    encoded = encoder().encode(batch)

    assert encoded.written == len(batch)
    assert same(encoded.body, [each.readable() if isinstance(each, LightSpan) else each for each in batch])


def test_requests_put_together_are_one() -> None:
    """Bodies of several batches, one after the other, are a request with all their spans."""
    writer = SpanEncoder({})
    one, two = made(3), made(2)

    together = decoded(writer.encode(one).body + writer.encode(two).body)

    names = [
        span.name for resource in together.resource_spans for scope in resource.scope_spans for span in scope.spans
    ]
    assert names == [span.name for span in (*one, *two)]


def test_a_span_that_cannot_be_written_costs_no_other() -> None:
    """One span that raises when it is read is left out, counted and told; the others leave."""
    told: list[Exception] = []
    good = made(2)
    bad = Unreadable("x", good[0].context)

    without_ids = ReadableSpan("made by no tracer")

    encoded = SpanEncoder({}, on_failed=told.append).encode([good[0], bad, without_ids, good[1]])

    assert (encoded.written, encoded.left_out) == (2, 2)
    assert same(encoded.body, good)
    assert [type(error) for error in told] == [LookupError, ValueError]


def test_a_large_batch_is_several_requests() -> None:
    """Spans that are together too large for a receiver go in requests that are not, in their order."""
    batch = [*made(20, text="x" * 1000), *made(20)]
    writer = SpanEncoder({}, request_bytes=4000)

    requests = writer.requests(batch)

    assert len(requests) > 2
    assert all(len(encoded.body) <= 4000 for encoded in requests)
    assert sum(encoded.written for encoded in requests) == len(batch)
    at = 0
    for encoded in requests:
        assert same(encoded.body, batch[at : at + encoded.written])
        at += encoded.written


def test_a_giant_among_spans_goes_alone() -> None:
    """A span too large for any receiver takes no other with it."""
    small, (giant,) = made(8), made(1, text="x" * 10_000)
    batch = [*small[:5], giant, *small[5:]]

    requests = SpanEncoder({}, request_bytes=5000).requests(batch)

    assert [encoded.written for encoded in requests if len(encoded.body) > 5000] == [1]
    assert sum(encoded.written for encoded in requests) == len(batch)


def test_a_small_batch_is_one_request() -> None:
    """As a rule a batch is one request; a batch without spans is one without bytes."""
    batch = made(3)

    assert SpanEncoder({}).requests(batch) == [SpanEncoder({}).encode(batch)]
    assert SpanEncoder({}).requests([]) == [Encoded(b"", 0, 0)]


def test_nothing_is_no_request() -> None:
    """A batch without spans, or with none that can be written, is no bytes."""
    writer = SpanEncoder({})

    assert writer.encode([]) == Encoded(b"", 0, 0)
    assert writer.encode([Unreadable("x")]) == Encoded(b"", 0, 1)


def test_threads_that_encode_at_once_do_not_disturb_each_other() -> None:
    """In a burst the program's own threads encode, all with one encoder."""
    writer = SpanEncoder({})
    batches = [made(40, n=number, text=f"text {number}", flag=True) for number in range(16)]

    with ThreadPoolExecutor(8) as pool:
        bodies = [encoded.body for encoded in pool.map(writer.encode, batches * 4)]

    assert all(same(body, batch) for body, batch in zip(bodies, batches * 4, strict=True))
