"""A stage call from its start to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from opentelemetry.context import Context, create_key, get_current
from opentelemetry.trace import INVALID_SPAN, Span, set_span_in_context

from otelkit._clock import Clock
from otelkit.model.calls import AttributeValue, Outcome, StageCall, StageKind, outcome_of
from otelkit.stages import children

CALL_KEY: Final = create_key("otelkit-stage-call")
"""Where a context holds the stage call whose code runs in it."""

_SPAN_KEY: Final = next(iter(set_span_in_context(INVALID_SPAN, Context())))
"""Where a context holds its span, asked of the API itself; knowing it, a context is built by one copy instead of two."""

_EMPTY: Final = Context()

Finish = Callable[["RecordedCall", StageCall], None]


class RecordedCall:
    """A call that is seen by observers and has a span. Implements `model.runtime.OpenCall`; belongs to one call, no lock.

    Args:
        record: What observers see.
        span: Not yet current.
        parent: The context the call started in.
        finish: Takes the call and its record, final but for the duration; must not raise.
        clock: Measures the time between the values of a generator.
    """

    __slots__ = (
        "_clock", "_finish", "_items_given", "_record", "_yielded_ns", "context", "generation", "outermost", "span",
    )  # fmt: skip

    def __init__(self, record: StageCall, span: Span, parent: Context, finish: Finish, clock: Clock) -> None:
        self._record: StageCall | None = record
        self._finish = finish
        self._clock = clock
        self._yielded_ns: int | None = None
        self._items_given = False
        self.span = span
        self.generation = children.generation
        enclosing = parent.get(CALL_KEY)
        self.outermost = not isinstance(enclosing, RecordedCall) or enclosing.generation != self.generation
        """Whether no other stage call of this process surrounds this one."""
        self.context = record.context = Context({**parent, _SPAN_KEY: span, CALL_KEY: self})

    def set(self, key: str, value: AttributeValue) -> None:
        """Put an attribute on the span; after the call's end this does nothing."""
        if self._record is not None:
            self.span.set_attribute(key, value)

    def add_items(self, ok: int = 0, failed: int = 0, skipped: int = 0) -> None:
        """Count items. The first call replaces what was counted by itself, the others add."""
        record = self._record
        if record is None:
            return
        if not self._items_given:
            self._items_given = True
            record.items_ok = record.items_failed = record.items_skipped = 0
        record.items_ok += ok
        record.items_failed += failed
        record.items_skipped += skipped

    def yielded(self) -> None:
        """Count one value that a generator hands out; from now until `resumed` its consumer is at work, not the stage."""
        if self._record is not None and not self._items_given:
            self._record.items_ok += 1
        self._yielded_ns = self._clock.monotonic_ns()

    def resumed(self) -> None:
        """Note that a generator goes on: it is asked for its next value, or closed."""
        if self._yielded_ns is not None and self._record is not None:
            self._record.blocked_ns += self._clock.monotonic_ns() - self._yielded_ns
            self._yielded_ns = None

    def queued(self, waited_ns: int = 0, blocked_ns: int = 0) -> None:
        """Count time that the stage's code spent waiting for an item, or for room to put one."""
        if self._record is not None:
            self._record.waited_ns += waited_ns
            self._record.blocked_ns += blocked_ns

    def close(self, error: BaseException | None = None) -> None:
        """End the call. In a forked child a call of the parent's is only forgotten: the parent ends and counts it."""
        record = self._record
        if record is None:
            return
        # Forgotten first: the wrapper's frame holds this object, and the error's traceback holds that frame. Keeping the
        # record (which has the error) or the context (which has this object) would make a cycle of every call.
        self._record = None
        self.context = _EMPTY
        if self.generation == children.generation:
            record.error = error
            record.outcome = outcome_of(error)
            kind = record.stage.kind
            # By identity: hashing an enum's member costs more than all of this.
            if not (self._items_given or kind is StageKind.GENERATOR or kind is StageKind.ASYNC_GENERATOR):
                # A plain call is one item; a cancelled one has handled none.
                record.items_ok = int(record.outcome is Outcome.OK)
                record.items_failed = int(record.outcome is Outcome.ERROR)
            self._finish(self, record)


def current_call() -> RecordedCall | None:
    """Return the stage call whose code runs here, if any."""
    call = get_current().get(CALL_KEY)
    return call if isinstance(call, RecordedCall) else None
