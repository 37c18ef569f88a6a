from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from opentelemetry.exporter.otlp.proto.common._internal import _encode_value
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext

from otelkit._otlp.values import MAX_DEPTH, any_value
from otelkit.spans.otlp.request import SpanEncoder
from tests.otlp.generated import GENEROUSLY, values


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


@pytest.mark.sdk
@given(values)
@GENEROUSLY
def test_every_value_is_written_as_by_the_stock_encoder(value: object) -> None:
    """Values of all types that attributes can have, nested ones too, decode to what the stock encoder makes of them."""
    assert AnyValue.FromString(any_value(value)).SerializeToString(deterministic=True) == _encode_value(
        value
    ).SerializeToString(deterministic=True)


@pytest.mark.parametrize("value", [Colour.RED, Size.BIG, range(3), bytearray(b"ab"), memoryview(b"ab"), [{1: 2}]])
def test_what_acts_like_a_known_type_is_written_as_that(value: Any) -> None:
    """Members of enums, ranges and byte arrays decode to what the stock encoder makes of them."""
    assert AnyValue.FromString(any_value(value)) == _encode_value(value)


@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1, 1 << 200])
def test_an_integer_of_more_than_64_bits_is_text(value: int) -> None:
    """A number that OTLP can't hold arrives as its digits; the stock encoder leaves the attribute out."""
    assert AnyValue.FromString(any_value(value)) == AnyValue(string_value=str(value))


def test_an_integer_too_long_to_be_written_out_is_told_by_its_size() -> None:
    """A number with more digits than the interpreter writes out arrives as how long it is."""
    assert AnyValue.FromString(any_value(1 << 100_000)).string_value == "an integer of 100001 bits"


def test_a_value_without_a_type_in_otlp_is_refused() -> None:
    """Whatever OTLP has no type for is not guessed at."""
    with pytest.raises(TypeError, match="an attribute's value is object"):
        any_value([object()])


def test_a_value_that_holds_itself_is_refused() -> None:
    """A list within itself ends at the limit of depth."""
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(ValueError, match=f"more than {MAX_DEPTH} deep"):
        any_value(endless)


@pytest.mark.parametrize("wrap", [lambda inner: {"k": inner}, lambda inner: [inner]])
def test_the_deepest_value_is_still_read(wrap: Any) -> None:
    """What is just not too deep is read by protobuf, also as attribute of an event, where it lies deepest."""
    value: Mapping[str, Any] | Sequence[Any] | int = 1
    for _ in range(MAX_DEPTH):
        value = wrap(value)
    span = ReadableSpan(
        "span", SpanContext(1, 1, False), events=[Event("event", {"deep": value})], resource=Resource.get_empty()
    )

    body = SpanEncoder({}).encode([span]).body

    (event,) = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans[0].events
    assert event.attributes[0].value == _encode_value(value)
