"""Spans handed to what sends them, as OTLP."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Status, StatusCode

from otelkit._assembly.otlp_spans import OtlpSpans
from otelkit.ledger.ledger import Ledger
from otelkit.spans.light_span import LightSpan
from tests.spans.made import spans
from tests.spans.otlp.generated import decoded
from tests.spans.otlp.stage_calls import RESOURCE, SERIES, call, opener

pytestmark = pytest.mark.sdk


class Put(NamedTuple):
    """What was handed on at once."""

    body: bytes
    count: int
    error_body: bytes
    error_count: int


class Outgoing:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.puts: list[Put] = []
        self.told: list[Any] = []

    def put(self, body: bytes, count: int, error_body: bytes = b"", error_count: int = 0) -> None:
        self.puts.append(Put(body, count, error_body, error_count))

    def prepare(self) -> None:
        self.told.append("prepare")

    def flush(self, timeout_s: float) -> bool:
        self.told.append(("flush", timeout_s))
        return False


def path(resource: Resource = RESOURCE) -> tuple[OtlpSpans, Outgoing, Ledger]:
    outgoing, ledger = Outgoing(), Ledger()
    to: Any = outgoing
    return OtlpSpans(to, ledger, resource), outgoing, ledger


def names_in(body: bytes) -> list[str]:
    found = decoded(body).resource_spans
    return [span.name for group in found for scope in group.scope_spans for span in scope.spans]


def failed(name: str) -> ReadableSpan:
    (span,) = spans(1)
    return ReadableSpan(name, span.context, resource=RESOURCE, status=Status(StatusCode.ERROR))


def test_errors_go_apart_from_the_rest() -> None:
    """They are the last to go when memory gets short: stages that failed and spans of others alike, each once."""
    otlp, outgoing, _ = path()
    light = opener()
    good, bad, cancelled = (light.open(SERIES[0], Context(), None) for _ in range(3))
    good.close()
    bad.update_name("bad")
    bad.close(ValueError("wrong"))
    cancelled.update_name("cancelled")
    cancelled.close(KeyboardInterrupt())
    otlp.deliver([good, failed("theirs"), bad, cancelled, *spans(1)])

    assert sum(put.count for put in outgoing.puts) == 3
    assert sum(put.error_count for put in outgoing.puts) == 2
    assert [name for put in outgoing.puts for name in names_in(put.body)] == ["parse", "cancelled", "s0"]
    assert [name for put in outgoing.puts for name in names_in(put.error_body)] == ["theirs", "bad"]


def test_a_span_that_can_not_be_written_is_lost_alone_and_counted() -> None:
    """The others leave."""
    otlp, outgoing, ledger = path()
    bad: LightSpan = call()
    bad.span_id = 1 << 64
    ledger.created("traces", 2)
    otlp.deliver([call(), bad])

    assert [(put.count, put.error_count) for put in outgoing.puts] == [(1, 0)]
    assert ledger.counts("traces").lost == {"encode_failed": 1}


def test_a_batch_of_many_megabytes_leaves_in_pieces() -> None:
    """A request of about a megabyte is taken by every receiver."""
    otlp, outgoing, _ = path()
    many = [call(lambda span: span.set_attribute("a", "x" * 100_000)) for _ in range(40)]
    otlp.deliver(many)

    assert sum(put.count for put in outgoing.puts) == 40
    assert max(len(put.body) for put in outgoing.puts) <= 1024 * 1024


def test_a_child_writes_its_own_resource() -> None:
    """From then on; what was handed on before stays as it is."""
    otlp, outgoing, _ = path()
    otlp.deliver([call()])
    otlp.in_child(Resource({"process.pid": 99}))
    otlp.deliver([call()])
    pids = [decoded(put.body).resource_spans[0].resource.attributes for put in outgoing.puts]

    assert [next(each.value.int_value for each in attributes if each.key == "process.pid") for attributes in pids] == [
        7,
        99,
    ]


def test_what_sends_is_told_what_the_outbox_is_told() -> None:
    """Its threads are started in time, and whether everything was sent is its answer."""
    otlp, outgoing, _ = path()
    otlp.prepare()

    assert otlp.force_flush(1500) is False
    assert outgoing.told == ["prepare", ("flush", 1.5)]
