"""Heartbeats of stage calls → OpenTelemetry events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otelkit import names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit.logs.values import clean_text
from otelkit.model.calls import AttributeValue
from otelkit.model.heartbeats import Heartbeat

_ITEMS: Final = (names.ITEMS_OK, names.ITEMS_FAILED, names.ITEMS_SKIPPED)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_NOT_SAMPLED: Final = TraceFlags(TraceFlags.DEFAULT)


class HeartbeatEvents:
    """Sends each heartbeat as a log record with an event name and the ids of the call's span.

    Args:
        provider: Where they go.
        scope: Name and version of their instrumentation scope.
        clock: Its wall clock dates them.
    """

    def __init__(self, provider: LoggerProvider, scope: tuple[str, str], clock: Clock = SYSTEM_CLOCK) -> None:
        self._provider = provider
        self._scope = scope
        self._clock = clock

    def tell(self, beats: Sequence[Heartbeat]) -> None:
        """Send these; raises what a log processor of the program's own raises."""
        # Asked for each time: a forked child may have a provider, or a resource, of its own.
        logger = self._provider.get_logger(*self._scope)
        now_ns = self._clock.now_ns()
        for beat in beats:
            logger.emit(record_of(beat, now_ns))


def record_of(beat: Heartbeat, now_ns: int) -> LogRecord:
    """Return the log record for one heartbeat, at ``now_ns`` Unix nanoseconds."""
    attributes: dict[str, AttributeValue] = {
        names.PIPELINE_NAME: clean_text(beat.pipeline),
        names.STAGE_NAME: clean_text(beat.stage),
        names.STAGE_ELAPSED_S: beat.elapsed_s,
        names.STAGE_ACTIVE: beat.active,
    }
    attributes.update((key, count) for key, count in zip(_ITEMS, beat.items, strict=True) if count)
    for key, value in (
        (names.ITEM_ID, None if beat.item is None else clean_text(beat.item)),
        (names.PIPELINE_RUN_ID, beat.run_id),
        (names.RUN_PROGRESS, beat.run_done),
        (names.RUN_TOTAL, beat.run_total),
    ):
        if value is not None:
            attributes[key] = value
    return LogRecord(
        timestamp=now_ns,
        observed_timestamp=now_ns,
        context=_context_of(beat),
        severity_text="INFO",
        severity_number=SeverityNumber.INFO,
        body=clean_text(f"{beat.stage} has been running for {beat.elapsed_s:.0f} s"),
        attributes=attributes,
        event_name=names.EVENT_STAGE_HEARTBEAT,
    )


def _context_of(beat: Heartbeat) -> Context:
    flags = _SAMPLED if beat.sampled else _NOT_SAMPLED
    # Also where there is no span: the record must not take over what is current here.
    span = SpanContext(beat.trace_id, beat.span_id, is_remote=False, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(span), Context())
