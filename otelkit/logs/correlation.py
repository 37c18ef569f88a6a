"""The ids of the current span on every log record, in the standard library's logging and in structlog."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from opentelemetry._logs import LogRecord
from opentelemetry.trace import get_current_span

from otelkit.logs.reading import RECORD_IDS
from otelkit.logs.wrapped_method import WrappedMethod

EVENT_IDS: Final = ("trace_id", "span_id")
"""Ids on structlog events."""

_service_name = ""


def install(service_name: str = "") -> None:
    """Put ids on every log record from now on: ``otelTraceID``, ``otelSpanID``, ``otelTraceSampled``, ``otelServiceName``.

    The names are those of OpenTelemetry's own logging instrumentation, so that its format strings work. Outside a span the ids
    are ``"0"``. What a program sets itself, with ``extra`` or a record factory of its own, stays. Repeated calls only change
    the service's name.
    """
    global _service_name
    _service_name = service_name
    _make_record.wrap()


def uninstall() -> None:
    """Undo `install`."""
    _make_record.unwrap()


def add_ids(logger: object, method_name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add ``trace_id`` and ``span_id`` of the current span to a structlog event: a processor for ``structlog.configure``.

    Outside a span nothing is added, and keys that are there already stay.
    """
    del logger, method_name
    span = get_current_span().get_span_context()
    if span.is_valid:
        event_dict.setdefault(EVENT_IDS[0], f"{span.trace_id:032x}")
        event_dict.setdefault(EVENT_IDS[1], f"{span.span_id:016x}")
    return event_dict


def strip_ids(record: LogRecord) -> None:
    """Take the ids that are meant for the program's own log lines out of a record's attributes: it has fields for them.

    Handlers other than ours export everything that is on a standard library record (opentelemetry-python-contrib #5071).
    """
    attributes = record.attributes
    if isinstance(attributes, MutableMapping) and not attributes.keys().isdisjoint(RECORD_IDS):
        for key in RECORD_IDS:
            attributes.pop(key, None)


def _with_ids(
    original: Callable[..., logging.LogRecord], logger: logging.Logger, *args: Any, **kwargs: Any
) -> logging.LogRecord:
    # Any: as `Logger.makeRecord`. Not in the record factory, whose fields collide with the user's `extra` (KeyError).
    record = original(logger, *args, **kwargs)
    fields = vars(record)
    if RECORD_IDS[0] not in fields or fields[RECORD_IDS[0]] == "0":
        span = get_current_span().get_span_context()
        known = span.is_valid
        fields[RECORD_IDS[0]] = f"{span.trace_id:032x}" if known else "0"
        fields[RECORD_IDS[1]] = f"{span.span_id:016x}" if known else "0"
        fields[RECORD_IDS[2]] = known and span.trace_flags.sampled
        fields.setdefault(RECORD_IDS[3], _service_name)
    return record


_make_record = WrappedMethod(logging.Logger, "makeRecord", _with_ids)
