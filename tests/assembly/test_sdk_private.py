"""The SDK's private names that we touch still mean what we think."""

from __future__ import annotations

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from otelkit._assembly.sdk_private import take_processors, update_resource

pytestmark = pytest.mark.sdk


class Seen(SpanProcessor):
    """Remembers the names of ended spans."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_end(self, span: object) -> None:
        self.names.append(span.name)


@pytest.mark.parametrize("kind", [TracerProvider, LoggerProvider])
def test_a_resource_can_be_changed_after_a_fork(kind: type) -> None:
    """Spans and records of a child carry the child's own attributes, and keep the others."""
    provider = kind(resource=Resource({"service.name": "a", "process.pid": 1}), shutdown_on_exit=False)

    update_resource(provider, {"process.pid": 2})

    assert dict(provider.resource.attributes) == {"service.name": "a", "process.pid": 2}


def test_a_tracer_that_exists_already_gets_the_new_resource() -> None:
    """Instrumentations hold on to their tracers across a fork."""
    provider = TracerProvider(resource=Resource({"process.pid": 1}), shutdown_on_exit=False)
    tracer = provider.get_tracer("held")

    update_resource(provider, {"process.pid": 2})

    assert tracer.start_span("after").resource.attributes["process.pid"] == 2


def test_processors_can_be_taken_off_and_stood_behind_our_chain() -> None:
    """With a configuration file nothing leaves that the steps have not seen."""
    provider = TracerProvider(shutdown_on_exit=False)
    first, second, chain = Seen(), Seen(), Seen()
    provider.add_span_processor(first)
    provider.add_span_processor(second)

    taken = take_processors(provider)
    provider.add_span_processor(chain)
    provider.get_tracer("x").start_span("one").end()

    assert taken == (first, second)
    assert (first.names, second.names, chain.names) == ([], [], ["one"])
