"""The decoder's own promises, beyond those that protobuf makes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from otelkit.embedded.wire import Decoder
from otelkit.embedded.wire_values import AttributeMemo
from otelkit.embedded.wire_weights import adjusted_count
from otelkit.errors import OtelkitError, WireError
from tests.embedded.otlp import key_values


def request_of(count: int, **attributes: object) -> bytes:
    """Return a request of spans; an attribute may be a function of the span's number."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(count):
        scope.spans.add(
            trace_id=(number + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            attributes=key_values({k: v(number) if callable(v) else v for k, v in attributes.items()}),
        )
    return bytes(request.SerializeToString())


def test_an_invalid_span_is_left_out_and_the_others_are_taken() -> None:
    """One bad span does not cost its neighbours; the sender is told how many were refused and why."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    scope.spans.add(trace_id=bytes(16), span_id=b"s" * 8)
    scope.spans.add(trace_id=b"t" * 16, span_id=b"s" * 7)
    batch = Decoder().decode("traces", request.SerializeToString())

    assert (batch.count, batch.rejected) == (1, 2)
    assert batch.rejected_reason == "a span without a valid trace_id (16 bytes, not all zero)"


def test_a_malformed_request_is_refused_whole_and_says_where() -> None:
    """Nothing of a request that breaks off is taken, and the error shows the place."""
    body = request_of(3)
    with pytest.raises(WireError) as caught:
        Decoder().decode("traces", body[:-1])

    assert isinstance(caught.value, OtelkitError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.offset is not None
    assert "malformed at byte" in str(caught.value)


@pytest.mark.parametrize("open_tag", [b"\x2a", b"\x32"], ids=["array", "kvlist"])
def test_values_nested_without_end_are_refused(open_tag: bytes) -> None:
    """A value nested ten thousand levels deep is refused instead of exhausting the stack."""
    value = b""
    for _ in range(10_000):
        inner = b"\x0a" + _size(value) + value if open_tag == b"\x2a" else _key_value_list(value)
        value = open_tag + _size(inner) + inner
    attribute = b"\x0a\x01k\x12" + _size(value) + value
    span = b"\x4a" + _size(attribute) + attribute
    for tag in (b"\x12", b"\x12", b"\x0a"):
        span = tag + _size(span) + span

    with pytest.raises(WireError):
        Decoder().decode("traces", span)


def _key_value_list(value: bytes) -> bytes:
    member = b"\x12" + _size(value) + value
    return b"\x0a" + _size(member) + member


def _size(content: bytes) -> bytes:
    out, size = b"", len(content)
    while size > 127:
        out, size = out + bytes((size & 127 | 128,)), size >> 7
    return out + bytes((size,))


def test_groups_nested_without_end_are_refused() -> None:
    """Nor do nested groups, which protobuf still skips, exhaust the stack."""
    with pytest.raises(WireError):
        Decoder().decode("traces", b"\x0b" * 100_000)


def test_a_key_whose_values_do_not_repeat_is_no_longer_remembered() -> None:
    """Memory does not grow with the number of different values of an attribute."""
    decoder = Decoder()
    first = decoder.decode("traces", request_of(2_500, stage="parse", item=lambda number: f"first {number}"))
    later = decoder.decode("traces", request_of(500, stage="parse", item=lambda number: f"later {number}"))
    shared = {attribute.key.name for row in later.groups[0].rows for attribute in row[9]}
    own = {KeyValue.FromString(raw).key for row in later.groups[0].rows for raw in row[10]}

    assert (shared, own) == ({"stage"}, {"item"})
    assert {len(row[10]) for row in first.groups[0].rows} == {0}


def test_a_key_whose_values_repeat_stays_remembered() -> None:
    """An attribute with a few hundred values is stored once per value, however many spans carry it."""
    decoder = Decoder()
    for _ in range(10):
        batch = decoder.decode("traces", request_of(1_000, worker=lambda number: number % 200))

    assert all(not row[10] for row in batch.groups[0].rows)


def test_spans_of_one_name_may_carry_any_attributes() -> None:
    """What the last span of a name carried is no more than a guess about the next one."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    given = [{"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, {"a": 1}, {"b": 2, "a": 1}, {}, {"a": 1, "b": 2}, {"c": 3}] * 5
    for number, attributes in enumerate(given):
        scope.spans.add(
            trace_id=b"t" * 16, span_id=(number + 1).to_bytes(8, "big"), name="n", attributes=key_values(attributes)
        )
    (group,) = Decoder().decode("traces", request.SerializeToString()).groups
    found = [[*(attribute.raw for attribute in row[9]), *row[10]] for row in group.rows]

    assert found == [[kv.SerializeToString() for kv in key_values(attributes)] for attributes in given]


def test_several_threads_may_decode_at_once() -> None:
    """What one thread learns from its requests does not leak into another's."""
    decoder = Decoder()
    bodies = {worker: request_of(300, worker=f"w{worker}", n=lambda number: number % 7) for worker in range(4)}

    def decode_all(worker: int) -> set[bytes]:
        found = set()
        for _ in range(15):
            for row in decoder.decode("traces", bodies[worker]).groups[0].rows:
                found |= {attribute.raw for attribute in row[9] if attribute.key.name == "worker"}
        return found

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(decode_all, bodies))

    assert found == [{kv.SerializeToString() for kv in key_values({"worker": f"w{worker}"})} for worker in bodies]


def test_a_long_value_is_never_remembered() -> None:
    """A payload that somebody put into an attribute does not stay in memory."""
    batch = Decoder().decode("traces", request_of(1, payload="x" * AttributeMemo.LONGEST))

    assert [len(row[10]) for row in batch.groups[0].rows] == [1]


def test_the_memo_is_bounded() -> None:
    """However many different attributes arrive, at most two generations of them are held."""
    memo = AttributeMemo()
    for number in range(3 * AttributeMemo.GENERATION):
        key = f"k{number % 50}".encode()
        value = f"{number}".encode()
        raw = bytes((0x0A, len(key))) + key + bytes((0x12, len(value) + 2, 0x0A, len(value))) + value
        memo.learn(raw, raw, 0)
        memo.items += 10

    assert len(memo.young) <= AttributeMemo.GENERATION


def test_the_same_bytes_have_the_same_digest_and_others_another() -> None:
    """A request that a sender repeats can be recognised."""
    decoder = Decoder()
    once, again, other = (decoder.decode("traces", request_of(count)) for count in (2, 2, 3))

    assert once.digest == again.digest
    assert once.digest != other.digest
    assert decoder.decode("traces", b"").digest == b""


@pytest.mark.parametrize(
    ("trace_state", "expected"),
    [
        ("", 1.0),
        ("ot=th:0", 1.0),
        ("ot=th:8", 2.0),
        ("ot=th:c", 4.0),
        ("vendor=x, ot=rv:ffffffffffffff;th:e", 8.0),
        ("ot=th:ffffffffffffff", float(1 << 56)),
        ("ot=th:", 1.0),
        ("ot=th:123456789abcdef", 1.0),
        ("ot=th:xyz", 1.0),
        ("other=th:8", 1.0),
    ],
)
def test_a_sampled_span_counts_for_those_that_were_not(trace_state: str, expected: float) -> None:
    """The threshold in ``tracestate`` says how many calls one span stands for; a broken one says nothing."""
    assert adjusted_count(trace_state) == expected
