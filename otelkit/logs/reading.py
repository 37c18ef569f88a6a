"""What a standard library log record says, as far as it does not say it plainly."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from otelkit.logs.values import Clean, clean_text, clean_value, text_of

RECORD_IDS: Final = ("otelTraceID", "otelSpanID", "otelTraceSampled", "otelServiceName")
"""Ids on log records, under the names that OpenTelemetry's own logging instrumentation uses."""

_PLAIN: Final = frozenset(
    (
        *vars(logging.LogRecord("", 0, "", 0, "", None, None)),
        *("message", "asctime", "taskName"),
        *RECORD_IDS,
    )
)
_STRUCTLOG: Final = frozenset(("_logger", "_name", "_record", "_from_structlog"))
"""What structlog leaves on records that a formatter of its own is to finish."""
_EVENT_PLAIN: Final = frozenset(
    ("event", "level", "timestamp", "logger", "exc_info", "stack_info", "trace_id", "span_id")
)
"""Keys of a structlog event that a record has fields for."""


@dataclass(frozen=True, slots=True)
class Raised:
    """The exception on a record."""

    type: str
    """Qualified name."""
    message: str
    stacktrace: str


def message_of(record: logging.LogRecord) -> str:
    """Return the formatted message; the event of a structlog dictionary; the template and arguments that do not fit."""
    event = _event(record)
    if event is not None:
        return clean_text(text_of(event["event"]))
    try:
        return clean_text(record.getMessage())
    except Exception:  # noqa: BLE001 - a stranger's template and arguments may raise anything
        # Python's own handlers print such a mistake to stderr; it is theirs to tell, not ours.
        return clean_text(f"{text_of(record.msg)} {clean_value(record.args)!r}")


def extra_of(record: logging.LogRecord) -> dict[str, Clean]:
    """Return what the program put on the record with ``extra``, or into a structlog event; ids of spans are left out."""
    event = _event(record)
    extra: dict[str, Clean] = {}
    for key, value in vars(record).items():
        if key not in _PLAIN and value is not None and not (event is not None and key in _STRUCTLOG):
            extra[clean_text(key)] = clean_value(value)
    if event is not None:
        for key, value in event.items():
            if key not in _EVENT_PLAIN and key not in _STRUCTLOG and value is not None:
                extra[clean_text(text_of(key))] = clean_value(value)
    return extra


def raised_of(record: logging.LogRecord) -> Raised | None:
    """Return the exception on a record, if there is one."""
    event = _event(record)
    info: Any = record.exc_info or (
        event.get("exc_info") if event is not None else None
    )  # Any: structlog takes anything
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if not isinstance(info, tuple) or len(info) != 3 or not isinstance(info[0], type):
        return None
    kind, error, trace = info
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        stacktrace = "".join(traceback.format_exception(kind, error, trace))
    except Exception as fault:  # noqa: BLE001 - a stranger's exception may break its own traceback
        stacktrace = f"<could not be formatted: {type(fault).__name__}>"
    return Raised(name, clean_text(text_of(error)), clean_text(stacktrace))


def _event(record: logging.LogRecord) -> Mapping[str, Any] | None:  # Any: whatever a program logs
    """Return structlog's event dictionary, where a record has one instead of a message."""
    return record.msg if isinstance(record.msg, Mapping) and "event" in record.msg else None
