"""Ended spans, whoever made them: as they are, as the SDK knows them, and as an `EndedSpan` sees them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, TraceState

from otelkit import names
from otelkit.model.calls import AttributeValue
from otelkit.model.signals import Account, Loss
from otelkit.model.traces import EndedSpan
from otelkit.spans.error_frame import error_frame
from otelkit.spans.held_bytes import sdk_span_bytes
from otelkit.spans.light_span import LightSpan
from otelkit.spans.rebuild import rebuild

_log = logging.getLogger("otelkit.spans")

Ended = ReadableSpan | LightSpan
"""An ended span: any, or a stage call that is its own."""


class SdkEndedSpan:
    """A span of the SDK as an `EndedSpan`: a thin view. Only of spans that have ids."""

    __slots__ = ("_identity", "span")

    def __init__(self, span: ReadableSpan, identity: SpanContext) -> None:
        self.span = span
        self._identity = identity

    @property
    def trace_id(self) -> int:
        return self._identity.trace_id

    @property
    def span_id(self) -> int:
        return self._identity.span_id

    @property
    def parent_id(self) -> int:
        parent = self.span.parent
        return 0 if parent is None else parent.span_id

    @property
    def is_local_root(self) -> bool:
        parent = self.span.parent
        return parent is None or parent.is_remote

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def start_unix_ns(self) -> int:
        return self.span.start_time or 0

    @property
    def end_unix_ns(self) -> int:
        return max(self.span.end_time or 0, self.start_unix_ns)

    @property
    def duration_ns(self) -> int:
        return self.end_unix_ns - self.start_unix_ns

    @property
    def failed(self) -> bool:
        status = self.span.status
        return not status.is_ok and not status.is_unset

    @property
    def error_type(self) -> str | None:
        if not self.failed:
            return None
        said = self.attribute(names.ERROR_TYPE)
        if isinstance(said, str):
            return said
        # Most instrumentations say it only in the event.
        for event in reversed(self.span.events):
            said = event.attributes.get(names.EXCEPTION_TYPE) if event.attributes else None
            if isinstance(said, str):
                return said
        return None

    @property
    def error_frame(self) -> str | None:
        return error_frame(self.span.events)

    @property
    def stage_name(self) -> str | None:
        return self._text(names.STAGE_NAME)

    @property
    def pipeline(self) -> str | None:
        return self._text(names.PIPELINE_NAME)

    @property
    def trace_state(self) -> TraceState | None:
        return self._identity.trace_state or None

    @property
    def held_bytes(self) -> int:
        return sdk_span_bytes(self.span)

    def attribute(self, key: str) -> Any:  # Any: attribute values, the user's too
        attributes = self.span.attributes
        return attributes.get(key) if attributes else None

    def marked(self, trace_state: TraceState | None, attributes: Mapping[str, AttributeValue]) -> SdkEndedSpan:
        known = self._identity
        identity = SpanContext(known.trace_id, known.span_id, known.is_remote, known.trace_flags, trace_state)
        if attributes:
            changed = rebuild(self.span, context=identity, attributes={**(self.span.attributes or {}), **attributes})
        else:
            changed = rebuild(self.span, context=identity)
        return SdkEndedSpan(changed, identity)

    def _text(self, key: str) -> str | None:
        said = self.attribute(key)
        return said if isinstance(said, str) else None


def viewed(batch: Iterable[Ended]) -> tuple[list[EndedSpan], list[Ended]]:
    """Return ended spans as an `EndedSpan` sees them, and apart those without ids, of which nothing can be said."""
    seen: list[EndedSpan] = []
    unseen: list[Ended] = []
    for each in batch:
        if type(each) is LightSpan:
            seen.append(each)
        elif isinstance(each, ReadableSpan) and each.context is not None:
            seen.append(SdkEndedSpan(each, each.context))
        else:
            unseen.append(each)
    return seen, unseen


def readable_spans(batch: Sequence[Ended], account: Account | None) -> list[ReadableSpan]:
    """Return ended spans as the SDK knows them; one that can't be read costs itself only and counts as lost.

    Args:
        account: Where that is counted; None: nowhere.
    """
    spans: list[ReadableSpan] = []
    for each in batch:
        try:
            spans.append(each.readable() if isinstance(each, LightSpan) else each)
        except Exception as error:  # noqa: BLE001 - the user's own classes take part in it
            _log.warning("a span can't be read and is lost: %s", type(error).__name__)
            if account is not None:
                account.lost("traces", 1, Loss.ENCODE_FAILED)
    return spans


def span_id_of(span: Ended) -> int:
    """Return the span's id; 0 if it has none."""
    if isinstance(span, LightSpan):
        return span.span_id
    return span.context.span_id if span.context is not None else 0


def end_of(span: Ended) -> int | None:
    """Return when the span ended, in Unix nanoseconds, if it says so."""
    return span.end_unix_ns if isinstance(span, LightSpan) else span.end_time
