from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.common._internal.trace_encoder import _encode_status
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import Event
from opentelemetry.trace import Link, SpanContext, Status, StatusCode

from otelkit.spans.otlp.extras import ExtrasWriter, status_field


@pytest.mark.parametrize("status", [Status(), Status(StatusCode.OK), Status(StatusCode.ERROR, "é"), None])
def test_a_status_is_written_as_by_the_stock_encoder(status: Status | None) -> None:
    """Also that there is one at all."""
    message = Span.FromString(status_field(status))

    assert message == Span(status=_encode_status(status))  # type: ignore[arg-type] # None, as in spans without a status


def test_dropped_events_and_links_are_counted_without_any_left() -> None:
    """A limit of 0 leaves no event and no link, and the receiver still learns that there were some."""
    writer = ExtrasWriter()

    message = Span.FromString(writer.events((), 3) + writer.links((), 4))

    assert (message.dropped_events_count, message.dropped_links_count) == (3, 4)


def test_a_link_says_whether_it_leads_to_another_process() -> None:
    """The flags of a link are those of the span it leads to, as the protocol wants them."""
    links = [Link(SpanContext(1, 2, is_remote=remote)) for remote in (False, True)]

    message = Span.FromString(ExtrasWriter().links(links, 0))

    assert [link.flags for link in message.links] == [0x100, 0x300]


def test_an_event_whose_name_is_no_utf8_is_written() -> None:
    """Names of events are repaired as all text is."""
    message = Span.FromString(ExtrasWriter().events([Event("e\udcff", {"a": 1}, 5)], 0))

    assert [(event.name, event.time_unix_nano) for event in message.events] == [("e\ufffd", 5)]
