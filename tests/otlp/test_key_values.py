from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common._internal import _encode_attributes
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from otelkit._otlp.key_values import MAX_INTEGERS, MAX_KEYS, MAX_TEXTS, KeyValueWriter, pairs
from tests.otlp.generated import GENEROUSLY, mappings

TAG = b"\x4a"


def read(written: bytes) -> dict[str, Any]:
    """Return the attributes as a mapping, with each value by its own type."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in Span.FromString(written).attributes
    }


@given(st.lists(mappings, max_size=2))
@GENEROUSLY
def test_attributes_are_written_as_by_the_stock_encoder(written_one_after_the_other: list[dict[str, Any]]) -> None:
    """Whatever was written before, attributes decode to what the stock encoder makes of them, in their order."""
    writer = KeyValueWriter(TAG)
    for attributes in written_one_after_the_other * 2:
        fields, left_out = writer.fields(attributes.items())

        expected = Span(attributes=_encode_attributes(attributes))
        assert left_out == 0
        assert Span.FromString(fields).SerializeToString(deterministic=True) == expected.SerializeToString(
            deterministic=True
        )


def test_equal_values_of_different_types_keep_theirs() -> None:
    """1, 1.0 and True are equal, and yet the receiver gets each as it was given."""
    writer = KeyValueWriter(TAG)
    given = [1, True, 1.0, False, 0, 0.0, -0.0]

    read_back = [read(writer.fields([("key", value)])[0])["key"] for value in given]

    assert [(type(value), str(value)) for value in read_back] == [(type(value), str(value)) for value in given]


def test_an_attribute_that_cannot_be_written_costs_no_other() -> None:
    """Attributes of unknown types, with keys that are no text, or that raise when they are read, are left out and counted."""

    class Hostile(list[int]):
        def __iter__(self) -> Any:
            raise RuntimeError("hostile")

    pairs: list[tuple[Any, Any]] = [("a", 1), (2, 2), ([], 3), ("b", object()), ("c", Hostile([1])), ("d", "last")]

    fields, left_out = KeyValueWriter(TAG).fields(pairs)

    assert left_out == 4
    assert read(fields) == {"a": 1, "d": "last"}


def test_a_key_whose_hash_changes_its_mind_is_written() -> None:
    """A hostile subclass of str as a key is written as its text, and is not what is remembered."""

    class Hostile(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return id(object())

    writer = KeyValueWriter(TAG)
    fields, left_out = writer.fields([(Hostile("key"), 1)])

    assert (read(fields), left_out) == ({"key": 1}, 0)
    assert [type(key) for key in writer._keys] == [str]


def test_what_is_remembered_is_bounded() -> None:
    """A million different keys and values make no mountain of memory: only the first values of the last keys are kept."""
    writer = KeyValueWriter(TAG)
    for number in range(MAX_KEYS * 3 + 1):
        writer.fields([(f"key {number}", "text"), ("key", f"text {number}"), ("key", number), ("key", "x" * number)])

    keys = writer._keys

    assert len(keys) <= MAX_KEYS
    assert max(len(key.texts) for key in keys.values()) <= MAX_TEXTS
    assert max(len(key.integers) for key in keys.values()) <= MAX_INTEGERS
    assert sum(sys.getsizeof(key.short) for key in keys.values()) < 1_000_000


def test_surrogates_in_keys_and_values_are_replaced() -> None:
    """An attribute that is no UTF-8 arrives repaired; the stock encoder leaves it out."""
    fields, left_out = KeyValueWriter(TAG).fields([("k\udcff", "v\udcff"), ("list", ["\ud800"])])

    message = Span.FromString(fields)
    assert left_out == 0
    assert [(each.key, each.value.string_value) for each in message.attributes][:1] == [("k\ufffd", "v\ufffd")]
    assert message.attributes[1].value.array_value.values[0].string_value == "\ufffd"


def test_attributes_are_read_while_another_thread_changes_them() -> None:
    """An event's attributes that the program goes on changing are written as they were at some moment."""
    provider = TracerProvider(shutdown_on_exit=False)
    span = provider.get_tracer("test").start_span("span")
    assert isinstance(span, ReadableSpan)
    done = threading.Event()

    def change() -> None:
        number = 0
        while not done.is_set():
            number += 1
            span.set_attribute(f"key {number % 100}", number)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            list(pairs(span.attributes))
    finally:
        done.set()
        thread.join()
        span.end()


def test_mappings_without_a_copy_of_their_own_are_read() -> None:
    """Any mapping will do."""

    class Plain(Mapping[str, int]):
        def __getitem__(self, key: str) -> int:
            return 1

        def __iter__(self) -> Iterator[str]:
            return iter(["a"])

        def __len__(self) -> int:
            return 1

    assert list(pairs(Plain())) == [("a", 1)]
