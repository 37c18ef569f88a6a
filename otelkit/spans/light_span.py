"""A stage call that is its own span: a small object that becomes a span of the SDK only when somebody needs one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span, SpanContext, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.util.types import AnyValue, Attributes

from otelkit import names
from otelkit.model.calls import AttributeValue, Outcome, StageCall, error_type_of, outcome_of
from otelkit.model.contexts import NO_SCOPE
from otelkit.model.error_facts import record_error, text_of
from otelkit.model.stage_attributes import OWN_KEYS, first_attributes, last_attributes
from otelkit.spans.attribute_values import SCALARS, cleaned, text_of_key
from otelkit.spans.error_frame import error_frame
from otelkit.spans.held_bytes import BARE_BYTES, held_bytes
from otelkit.spans.span_extras import SpanExtras
from otelkit.spans.trace_facts import PassedFacts, inherited

if TYPE_CHECKING:
    from types import TracebackType

    from otelkit.spans.light_spans import LightSpans
    from otelkit.spans.trace_facts import TraceFacts

_OK: Final = Outcome.OK
_ERROR: Final = Outcome.ERROR
P = ParamSpec("P")


class LightSpan(StageCall, Span):
    """One stage call and its span. Made by `LightSpans`; ended by the stage that made it.

    It implements the API's `Span` in full, within the SDK's limits, and has the properties of a `ReadableSpan` for processors
    that look at a span as it starts. What few spans have (events, links, a status, another name) is in ``extras``, made when
    needed.
    """

    __slots__ = ("described", "item", "owner", "parent_id", "run_id", "span_id", "start_unix_ns", "trace")

    trace: TraceFacts
    owner: LightSpans
    span_id: int
    parent_id: int
    """0: the trace starts here."""
    start_unix_ns: int
    run_id: str | None
    """`pipeline.run.id`."""
    item: str | None
    """`pipeline.item.id`."""
    described: list[tuple[str, AttributeValue]] | None
    """What the arguments say; from describers, so that values are to be checked."""
    attributes_set: dict[str, AnyValue] | None = None
    """What was set on the span. Within the limit of their number; not shortened yet."""
    extras: SpanExtras | None = None
    _identity: SpanContext | None = None

    # -- the call --------------------------------------------------------------------------------------------------

    @property
    def span(self) -> LightSpan:
        """The call's span."""
        return self

    @property
    def sampled(self) -> bool:
        """Whether the span will be exported."""
        return self.trace.sampled

    @property
    def recording(self) -> bool:
        """Whether attributes are kept."""
        return self.trace.recording

    @property
    def trace_id(self) -> int:
        """128 bits."""
        return self.trace.trace_id

    @property
    def item_id(self) -> str | None:
        """The item it handles now, as far as is known."""
        attributes = self.attributes_set
        said = attributes.get(names.ITEM_ID) if attributes is not None else None
        return said if isinstance(said, str) else self.item

    def describe(self, item: str | None, described: list[tuple[str, AttributeValue]] | None) -> None:
        """Keep the item's id and what the arguments say."""
        self.item = item
        self.described = described

    def set(self, key: str, value: AttributeValue) -> None:
        """Put an attribute on the span; after the call's end this does nothing."""
        if self.is_recording():
            self.set_attribute(key, value)

    def close(self, error: BaseException | None = None) -> None:
        """End the call. Repeated calls do nothing."""
        if self.duration_ns >= 0:
            return
        owner = self.owner
        self.duration_ns = owner.now() - self.start_ns
        self.series.running.discard(self)
        if error is None:
            self.outcome = _OK
        else:
            self._fail(error)
        if owner.watched:
            owner.closed(self)
        # Forgotten, since both would make a cycle of every call: the context holds the call, the error's frames do.
        self.scope = NO_SCOPE
        if error is not None:
            self.error = None
        owner.ended(self)

    def abandon(self) -> None:
        """Forget the call: it is the parent's of a forked process. What is opened below it enters a process of its own."""
        super().abandon()
        self.trace = inherited(self.trace, self.span_id)

    def _fail(self, error: BaseException) -> None:
        self.error = error
        self.outcome = outcome_of(error)
        if self.outcome is Outcome.ERROR:
            self.error_type = error_type_of(error)
            # The duration is known already, so that this asks only whether the span was ended early.
            if self.trace.recording and (self.extras is None or self.extras.end_unix_ns is None):
                try:
                    record_error(self.extra(), error, self.start_unix_ns + self.duration_ns)
                except Exception as fault:  # noqa: BLE001 - the user's own classes take part in it
                    self.owner.faults.fault(fault, "record error")

    @property
    def now(self) -> Callable[[], int]:
        """Returns monotonic nanoseconds."""
        return self.owner.now

    def extra(self) -> SpanExtras:
        """Return where rare things are kept, made if need be."""
        extras = self.extras
        if extras is None:
            extras = self.extras = self.owner.extras()
        return extras

    # -- the API's Span --------------------------------------------------------------------------------------------

    def get_span_context(self) -> SpanContext:
        """Return the ids, as others see them: with what travels on below the span, whatever it leaves with itself."""
        identity = self._identity
        if identity is None:
            # Who goes by it may be a task that goes on after the trace was judged: a threshold on which it was kept here is
            # none for what may be kept for another reason.
            facts = self.trace.below if isinstance(self.trace, PassedFacts) else self.trace
            identity = self._identity = SpanContext(
                facts.trace_id, self.span_id, False, TraceFlags(facts.flags), facts.state or TraceState.get_default()
            )
        return identity

    def is_recording(self) -> bool:
        """Return whether what is set on the span is kept."""
        return self.trace.recording and self.is_running()

    def is_running(self) -> bool:
        """Return whether the span has not ended: neither with its call, nor before it."""
        return self.duration_ns < 0 and (self.extras is None or self.extras.end_unix_ns is None)

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Set an attribute; beyond the limit of their number the one goes that was not set for longest."""
        if not self.is_recording():
            self._too_late("set_attribute")
            return
        if type(value) not in SCALARS or type(key) is not str or not key:
            found = cleaned(key, value)
            if found is None:
                self.extra().dropped_attributes += 1
                return
            value = found[0]
        attributes = self.attributes_set
        if attributes is None:
            attributes = self.attributes_set = {}
        # As in the SDK's container, what is set again is the newest.
        elif key in attributes:
            attributes.pop(key, None)
        limit = self.owner.max_attributes
        if limit is not None and len(attributes) >= limit:
            self.extra().dropped_attributes += 1
            if not limit:
                return
            # Another thread may set one, too.
            with suppress(RuntimeError, StopIteration):
                attributes.pop(next(iter(attributes)), None)
        attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set several attributes."""
        if not self.is_recording():
            self._too_late("set_attributes")
            return
        try:
            for key, value in attributes.items():
                self.set_attribute(key if type(key) is str else text_of_key(key), value)
        except Exception as fault:  # noqa: BLE001 - it may be no mapping at all
            self.owner.refused(self, "set_attributes", fault)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Add an event; ``timestamp`` in Unix nanoseconds, None: now."""
        self._keep(SpanExtras.add_event, name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Link to another span."""
        self._keep(SpanExtras.add_link, context, attributes)

    def update_name(self, name: str) -> None:
        """Give the span another name; the stage keeps its own."""
        if self.is_recording():
            self.extra().name = name
        else:
            self._too_late("update_name")

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status, by the SDK's rules: OK stays, UNSET changes nothing."""
        self._keep(SpanExtras.set_status, status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an exception as an event."""
        self._keep(SpanExtras.record_exception, exception, attributes, timestamp, escaped)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the span early, as `end` does, with the error that leaves the block, if any, as the SDK records it."""
        if error is not None and self.is_recording():
            self.record_exception(error, escaped=True)
            self.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {text_of(error)}"))
        self.end()

    def end(self, end_time: int | None = None) -> None:
        """End the span early: nothing more is recorded on it but, as attributes, how its stage ended.

        The call goes on, and is counted, until the stage ends it; the span leaves then.
        """
        if self.is_recording():
            self.extra().end_unix_ns = (
                end_time if end_time is not None else self.start_unix_ns + self.now() - self.start_ns
            )
        else:
            self._too_late("end")

    def _keep(self, keep: Callable[Concatenate[SpanExtras, P], None], *args: P.args, **kwargs: P.kwargs) -> None:
        if not self.is_recording():
            self._too_late(keep.__name__)
            return
        try:
            keep(self.extra(), *args, **kwargs)
        except Exception as fault:  # noqa: BLE001 - the user's own classes take part in it
            self.owner.refused(self, keep.__name__, fault)

    def _too_late(self, doing: str) -> None:
        # A call that has ended without an outcome is the parent's of a forked child, which did nothing wrong.
        if self.trace.recording and (self.duration_ns < 0 or self.outcome is not None):
            self.owner.too_late(self, doing)

    # -- what a ReadableSpan has -----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The stage's name, or what the span was renamed to."""
        extras = self.extras
        return self.series.stage.name if extras is None or extras.name is None else extras.name

    @property
    def end_unix_ns(self) -> int:
        """When the span ended; its start while it has not. By the monotonic clock, so never before its start."""
        if self.extras is not None and self.extras.end_unix_ns is not None:
            return self.extras.end_unix_ns
        return self.start_unix_ns + max(0, self.duration_ns)

    def all_attributes(self) -> dict[str, AnyValue]:
        """Return all attributes in their order: who, item, arguments, outcome and items, then what was set."""
        merged: dict[str, AnyValue] = first_attributes(self.series.stage, self.series.pipeline, self.run_id)
        if self.item is not None:
            merged[names.ITEM_ID] = self.item
        if self.described is not None:
            for key, value in self.described:
                # From describers: a value that can't be looked at costs itself only.
                kept = (value,) if type(value) in SCALARS else cleaned(key, value)
                if kept is not None:
                    merged[key] = kept[0]
        merged.update(last_attributes(self))
        if self.attributes_set is not None:
            # What is set anew is the newest, so that it is the last to go beyond the limit of their number.
            for key in self.attributes_set:
                merged.pop(key, None)
            merged.update(self.attributes_set)
        return merged

    # -- what an EndedSpan has --------------------------------------------------------------------------------------

    @property
    def is_local_root(self) -> bool:
        """Whether its parent is none of this process."""
        return self.parent_id == self.trace.remote_parent_id

    @property
    def failed(self) -> bool:
        """Whether an error left it, or its status says so."""
        if self.outcome is _ERROR:
            return True
        return self.extras is not None and self.extras.status.status_code is StatusCode.ERROR

    @property
    def error_frame(self) -> str | None:
        """Where the error was raised, if known: ``path:line function``."""
        return error_frame(self.extras.events) if self.extras is not None else None

    @property
    def stage_name(self) -> str:
        """The stage's name."""
        return self.series.stage.name

    @property
    def trace_state(self) -> TraceState | None:
        """What the span leaves with; None: nothing. Once it is `marked` no more what travels on below it."""
        return self.trace.state

    @property
    def held_bytes(self) -> int:
        """Memory it takes while it is held, estimated."""
        described, attributes, extras = self.described, self.attributes_set, self.extras
        if described is None and attributes is None and extras is None and self.item is None:
            return BARE_BYTES
        return BARE_BYTES + held_bytes(self.item, described, attributes, extras)

    def attribute(self, key: str) -> Any:  # Any: attribute values, the user's too
        """Return the attribute's value, None if it has none."""
        attributes = self.attributes_set
        if attributes is not None and key in attributes:
            return attributes[key]
        if self.described is None and key not in OWN_KEYS and key not in self.series.stage.attributes:
            return None
        return self.all_attributes().get(key)

    def marked(self, trace_state: TraceState | None, attributes: Mapping[str, AttributeValue]) -> LightSpan:
        """Return the span as it is to leave: itself. For what is below it, or comes below it yet, it stays what it was."""
        self.trace = self.owner.leaving(self.trace, trace_state)
        if attributes:
            given: dict[str, AnyValue] = {
                key: value for key, value in (self.attributes_set or {}).items() if key not in attributes
            }
            given.update(attributes)
            self.attributes_set = given
        return self

    def readable(self) -> ReadableSpan:
        """Return the span as the SDK's exporters and processors know spans."""
        return self.owner.readable(self)

    def __getattr__(self, key: str) -> Any:  # Any: what a ReadableSpan answers
        # Processors of the SDK's kind read these as a span starts; computed anew each time, so nobody else should.
        if key in _READABLE:
            return getattr(self.owner.readable(self), key)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {key!r}")


_READABLE: Final = frozenset(
    {
        *("context", "parent", "kind", "start_time", "end_time", "status", "attributes", "events", "links", "resource"),
        *("instrumentation_scope", "dropped_attributes", "dropped_events", "dropped_links", "to_json"),
    }
)
