"""What few stage spans have: events, links, a status, another name. By the SDK's own rules and limits."""

from __future__ import annotations

from typing import Final

from opentelemetry.sdk.trace import Event, SpanLimits
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, SpanContext, Status, StatusCode
from opentelemetry.util.types import AnyValue, Attributes

from otelkit import names
from otelkit.model.calls import error_type_of
from otelkit.model.error_facts import stacktrace_of, text_of
from otelkit.spans.attribute_values import bounded_attributes

UNSET: Final = Status(StatusCode.UNSET)


class SpanExtras:
    """Events, links, status and name of one span. Not locked: each change is one step for the interpreter.

    Args:
        limits: The provider's, from ``OTEL_SPAN_*_LIMIT``.
    """

    __slots__ = ("_limits", "dropped_attributes", "end_unix_ns", "events", "links", "name", "status")

    def __init__(self, limits: SpanLimits) -> None:
        self._limits = limits
        self.events: BoundedList[Event] | None = None
        self.links: BoundedList[Link] | None = None
        self.status = UNSET
        self.name: str | None = None
        """None: the stage's."""
        self.dropped_attributes = 0
        """Beyond the limit of their number."""
        self.end_unix_ns: int | None = None
        """Set if the span was ended before its stage."""

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Add an event; ``timestamp`` in Unix nanoseconds, None: now."""
        limits = self._limits
        bounded = bounded_attributes(attributes, limits.max_event_attributes, limits.max_attribute_length)
        if self.events is None:
            self.events = BoundedList(self._limits.max_events)
        self.events.append(Event(name, bounded, timestamp))

    def add_link(self, context: SpanContext | None, attributes: Attributes = None) -> None:
        """Link to another span; a context without ids needs attributes or a tracestate to count."""
        if context is None or not (context.is_valid or attributes or context.trace_state):
            return
        limits = self._limits
        bounded = bounded_attributes(attributes, limits.max_link_attributes, limits.max_attribute_length)
        if self.links is None:
            self.links = BoundedList(self._limits.max_links)
        self.links.append(Link(context, bounded))

    def set_status(self, status: object, description: str | None = None) -> None:
        """Set the status, a `Status` or a `StatusCode`; OK stays, UNSET and anything else changes nothing."""
        if isinstance(status, StatusCode):
            status = Status(status, description if status is StatusCode.ERROR or not description else None)
        if not isinstance(status, Status) or status.status_code is StatusCode.UNSET:
            return
        if self.status.status_code is not StatusCode.OK:
            self.status = status

    def record_exception(
        self, exception: BaseException, attributes: Attributes, timestamp: int | None, escaped: bool
    ) -> None:
        """Add an exception as an event, as the SDK does; of a long message or stack trace the part that tells most."""
        said: dict[str, AnyValue] = {
            names.EXCEPTION_TYPE: error_type_of(exception),
            names.EXCEPTION_MESSAGE: text_of(exception),
            names.EXCEPTION_STACKTRACE: stacktrace_of(exception),
            names.EXCEPTION_ESCAPED: str(escaped),
        }
        self.add_event("exception", {**said, **(attributes or {})}, timestamp)
