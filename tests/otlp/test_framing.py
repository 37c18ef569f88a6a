from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otelkit._otlp.framing import MAX_REMEMBERED, Frames, request


def test_equal_resources_have_one_frame() -> None:
    """Two resource objects that say the same are one resource to the receiver."""
    frames = Frames()

    assert frames.of_resource(Resource({"a": 1})) == frames.of_resource(Resource({"a": 1}))


def test_resources_that_differ_in_type_only_are_two() -> None:
    """1 and True are equal, but not the same to a receiver."""
    frames = Frames()

    assert frames.of_resource(Resource({"a": 1})) != frames.of_resource(Resource({"a": True}))


def test_scopes_beyond_what_is_remembered_are_right() -> None:
    """However many scopes come and go, each is written as its own."""
    frames = Frames()
    scopes = [InstrumentationScope(f"scope {number}") for number in range(MAX_REMEMBERED * 3)]

    written = [ScopeSpans.FromString(frames.of_scope(scope).before).scope.name for scope in (*scopes, *scopes)]

    assert written == [scope.name for scope in (*scopes, *scopes)]
    assert len(frames._scopes) <= MAX_REMEMBERED


def test_objects_that_reuse_a_place_in_memory_are_not_mistaken() -> None:
    """A resource made where a forgotten one was is not taken for it."""
    frames = Frames()

    names = []
    for number in range(200):
        frame = frames.of_resource(Resource({"n": number}))
        names.append(ResourceSpans.FromString(frame.before).resource.attributes[0].value.int_value)

    assert names == list(range(200))


def test_what_a_resource_could_not_say_is_counted() -> None:
    """An attribute of the resource that has no type in OTLP is counted as dropped."""
    frame = Frames().resource({"a": object(), "b": 1})

    assert ResourceSpans.FromString(frame.before).resource.dropped_attributes_count == 1


def test_no_spans_make_no_request() -> None:
    """Nothing to send is no bytes."""
    assert request({}) == b""
