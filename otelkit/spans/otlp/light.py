"""Stage spans as OTLP's ``Span`` messages: what the calls of a stage have in common is written once."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes

from otelkit import names
from otelkit._otlp.framing import ITEM
from otelkit._otlp.key_values import KeyValueWriter
from otelkit._otlp.wire import varint
from otelkit.model.calls import MIN_WAIT_NS, Outcome
from otelkit.model.stage_attributes import LAST_KEYS, first_attributes, last_attributes
from otelkit.spans.otlp.extras import UNSET_STATUS, ExtrasWriter, status_field
from otelkit.spans.otlp.readable import (
    INTERNAL,
    LOCAL_FLAGS,
    REMOTE_FLAGS,
    ReadableWriter,
    name_field,
    trace_state_field,
)

if TYPE_CHECKING:
    from opentelemetry.trace import TraceState

    from otelkit.model.calls import StageSeries
    from otelkit.spans.light_span import LightSpan
    from otelkit.spans.trace_facts import TraceFacts

MAX_FORMS: Final = 1024
"""Stages remembered, each once per run; with one more, all are forgotten."""

_TRACE_ID: Final = b"\x0a\x10"
_SPAN_ID: Final = b"\x12\x08"
_PARENT: Final = b"\x22\x08"
_START: Final = b"\x39"
_END: Final = b"\x41"
_ROOT_IDS: Final = struct.Struct(">16s2sQ")
_IDS: Final = struct.Struct(">16s2sQ2sQ")
_TIMES: Final = struct.Struct("<cQcQ")
_pack_root_ids: Final = _ROOT_IDS.pack
_pack_ids: Final = _IDS.pack
_pack_times: Final = _TIMES.pack
_FIXED: Final = len(_TRACE_ID) + _IDS.size + _TIMES.size + len(LOCAL_FLAGS)
_PARENT_SIZE: Final = _IDS.size - _ROOT_IDS.size


def _head(size: int) -> bytes:
    """Return what stands before the trace id of a span of ``size`` bytes."""
    return ITEM + varint(size) + _TRACE_ID


_HEADS_END: Final = 1024
_HEADS: Final = tuple([_head(size) for size in range(_HEADS_END)])

_OK: Final = Outcome.OK
_RESERVED: Final = frozenset((*LAST_KEYS, names.ITEM_ID))
_ENDLESS: Final = sys.maxsize


class _Form:
    """What all spans of a stage in one run have in common."""

    __slots__ = ("first", "keys", "room", "run_id", "size", "whole")

    def __init__(self, run_id: str | None, first: bytes, last: bytes, keys: frozenset[str], room: int) -> None:
        self.run_id = run_id
        self.first = first
        """Name, kind and first attributes."""
        self.whole = first + last + UNSET_STATUS
        """The same, and the last attributes and the status of a call that went well and was one item."""
        self.size = _FIXED + len(first)
        self.keys = keys
        """Of the first and last attributes."""
        self.room = room
        """Attributes of its own that a span can have within the SDK's limits; -1: they have to be looked at together."""


class LightWriter:
    """Writes stage spans. Several threads may write at once.

    Args:
        attributes: Writes the attributes of spans.
        extras: Writes events and links.
        readable: Writes spans that are not usual at all.
        on_failed: Told why a span was left out; must not raise.
    """

    def __init__(
        self,
        attributes: KeyValueWriter,
        extras: ExtrasWriter,
        readable: ReadableWriter,
        on_failed: Callable[[Exception], None],
    ) -> None:
        self._attributes = attributes
        self._extras = extras
        self._readable = readable
        self._on_failed = on_failed
        self._item = attributes.key(names.ITEM_ID)
        self._usual_last, _ = attributes.fields([(names.STAGE_OUTCOME, _OK.value), (names.ITEMS_OK, 1)])
        self._by_run: dict[tuple[StageSeries, str | None], _Form] = {}
        # The last run's of each stage.
        self._forms: dict[StageSeries, _Form] = {}

    def write(self, spans: Iterable[LightSpan], pieces: list[bytes]) -> int:
        """Add the spans to the ``pieces`` of a ``ScopeSpans`` as its ``spans``; return how many were left out.

        They decode to what the stock encoder makes of `LightSpan.readable`.
        """
        # One long loop: this is the work of a thread that competes with the program's for the interpreter.
        # The name before the attributes, and these in one row: our receiver knows such rows as a whole by the span's name.
        forms = self._forms
        usual_last = self._usual_last
        usual_size = len(usual_last) + len(UNSET_STATUS)
        facts: TraceFacts | None = None
        state: TraceState | None = None
        trace_id = around = b""
        left_out = 0
        for span in spans:
            try:
                form = forms.get(span.series)
                if form is None or form.run_id is not span.run_id:
                    form = self._form_of(span)
                    forms = self._forms
                if span.trace is not facts:
                    facts = span.trace
                    trace_id = facts.trace_id.to_bytes(16, "big")
                    if facts.state is not state:
                        around = trace_state_field(facts.state)
                        state = facts.state
                size = form.size + len(around)
                parent_id = span.parent_id
                flags = LOCAL_FLAGS
                if not parent_id:
                    size -= _PARENT_SIZE
                    ids = _pack_root_ids(trace_id, _SPAN_ID, span.span_id)
                else:
                    ids = _pack_ids(trace_id, _SPAN_ID, span.span_id, _PARENT, parent_id)
                    if parent_id == facts.remote_parent_id:
                        flags = REMOTE_FLAGS
                start = span.start_unix_ns
                times = _pack_times(_START, start, _END, start + span.duration_ns)
                usual = (
                    span.outcome is _OK
                    # Not by `items()`: a call of a method is a tenth of what the whole span may cost.
                    and span.counted is None
                    and span.waited_ns < MIN_WAIT_NS
                    and span.blocked_ns < MIN_WAIT_NS
                )
                if (
                    usual
                    and span.item is None
                    and not span.described
                    and not span.attributes_set
                    and span.extras is None
                    and form.room >= 0
                ):
                    size += usual_size
                    head = _HEADS[size] if size < _HEADS_END else _head(size)
                    pieces += (head, ids, times, form.whole, flags, around)
                    continue
                own = self._own(span, form, usual_last if usual else self._last(span))
                if own is None:
                    pieces += self._unusual(span)
                    continue
                size += len(own)
                head = _HEADS[size] if size < _HEADS_END else _head(size)
                pieces += (head, ids, times, form.first, own, flags, around)
            except Exception:  # noqa: BLE001 - ids, times and values are not all ours; the others must still leave
                facts = None
                left_out += self._second_try(span, pieces)
        return left_out

    def _form_of(self, span: LightSpan) -> _Form:
        """Return the form of the span's stage in the span's run."""
        key = (span.series, span.run_id)
        form = self._by_run.get(key)
        if form is None:
            if len(self._by_run) >= MAX_FORMS:
                self._by_run, self._forms = {}, {}
            form = self._by_run[key] = self._new_form(span)
        self._forms[span.series] = form
        return form

    def _new_form(self, span: LightSpan) -> _Form:
        limits = span.owner.limits
        # In the SDK's container: it decides what a value may be that the user gave the stage.
        attributes = BoundedAttributes(
            attributes=first_attributes(span.series.stage, span.series.pipeline, span.run_id)
        )
        written, left_out = self._attributes.fields(attributes.items())
        room = _ENDLESS
        if limits.max_span_attributes is not None:
            room = max(-1, limits.max_span_attributes - len(attributes) - len(_RESERVED))
        if limits.max_span_attribute_length is not None or attributes.dropped or left_out:
            room = -1
        if not _RESERVED.isdisjoint(attributes) or any(key.startswith(names.ARGUMENT_PREFIX) for key in attributes):
            room = -1
        first = name_field(span.series.stage.name) + INTERNAL + written
        return _Form(span.run_id, first, self._usual_last, frozenset((*attributes, *LAST_KEYS)), room)

    def _last(self, span: LightSpan) -> bytes:
        """Return the last attributes of a call that did not just go well with one item."""
        return self._attributes.fields(last_attributes(span))[0]

    def _own(self, span: LightSpan, form: _Form, last: bytes) -> bytes | None:
        """Return what only this call has, with its ``last`` attributes where they belong; None if it can't be told so."""
        item, described, given = span.item, span.described, span.attributes_set
        own = self._item.text(item) if item is not None else b""
        room = form.room
        if room < 0:
            return None
        if described:
            written, failed = self._attributes.fields(described)
            room -= len(described)
            if failed or room < 0:
                return None
            own += written
        own += last
        if given:
            # In one step: what has ended is not changed any more, but a thread may be late.
            given = given.copy()
            written, failed = self._attributes.fields(given.items())
            if failed or room < len(given) or _collide(span, form, given):
                return None
            own += written
        extras = span.extras
        if extras is None:
            return own + UNSET_STATUS
        if extras.name is not None or extras.end_unix_ns is not None or extras.dropped_attributes:
            return None
        own += status_field(extras.status)
        if extras.events is not None:
            own += self._extras.events(extras.events, extras.events.dropped)
        if extras.links is not None:
            own += self._extras.links(extras.links, extras.links.dropped)
        return own

    def _second_try(self, span: LightSpan, pieces: list[bytes]) -> int:
        """Add a span that the fast way failed on, such as one that started before 1970; return 1 if it is left out."""
        try:
            pieces += self._unusual(span)
        except Exception as error:  # noqa: BLE001 - see above
            self._on_failed(error)
            return 1
        return 0

    def _unusual(self, span: LightSpan) -> tuple[bytes, bytes, bytes]:
        """Return the pieces of a span by the long way.

        For those renamed, ended early, with a key twice, or changed by the SDK's limits.
        """
        content = self._readable.write(span.readable())
        return ITEM, varint(len(content)), content


def _collide(span: LightSpan, form: _Form, given: dict[str, Any]) -> bool:  # Any: attribute values
    """Return whether what was set has a key that the span has anyway: then only one of the two values is said."""
    if not form.keys.isdisjoint(given) or (span.item is not None and names.ITEM_ID in given):
        return True
    return bool(span.described) and any(key in given for key, _ in span.described or ())
