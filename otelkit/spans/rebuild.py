"""A changed copy of an ended span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, Status

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource


class Changes(TypedDict, total=False):
    """What of a span can be changed; what is not named is kept."""

    name: str
    attributes: Mapping[str, Any]  # Any: whatever the SDK allows as an attribute's value
    events: Sequence[Event]
    links: Sequence[Link]
    status: Status
    resource: Resource
    context: SpanContext


class _Rebuilt(ReadableSpan):
    """A span that remembers what its original had dropped; the SDK keeps that in its private containers."""

    def __init__(self, original: ReadableSpan, **fields: Any) -> None:  # Any: passed on to the SDK as it is
        super().__init__(**fields)
        self._dropped = (original.dropped_attributes, original.dropped_events, original.dropped_links)

    @property
    def dropped_attributes(self) -> int:
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        return self._dropped[2]


def rebuild(span: ReadableSpan, **changes: Unpack[Changes]) -> ReadableSpan:
    """Return a copy of ``span`` with ``changes`` applied and everything else kept; ``span`` itself stays as it is.

    Kept are also parent, kind, times, instrumentation scope and the counts of what the SDK's limits had dropped.
    Values are taken as given: no limit is applied to them, and sequences and mappings should not be changed afterwards.
    """
    return _Rebuilt(
        span,
        name=changes.get("name", span.name),
        context=changes.get("context", span.context),
        parent=span.parent,
        resource=changes.get("resource", span.resource),
        attributes=changes.get("attributes", span.attributes),
        events=changes.get("events", span.events),
        links=changes.get("links", span.links),
        kind=span.kind,
        status=changes.get("status", span.status),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
