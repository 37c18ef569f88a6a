"""What a standard library log record says, as far as it does not say it plainly."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from typing import Any, Final

from otelkit.logs.values import clean_text, clean_value

RECORD_IDS: Final = ("otelTraceID", "otelSpanID", "otelTraceSampled", "otelServiceName")
"""Ids on log records, under the names that OpenTelemetry's own logging instrumentation uses."""

_OWN: Final = frozenset(
    (
        *vars(logging.LogRecord("", 0, "", 0, "", None, None)),
        *("message", "asctime", "taskName"),
        *RECORD_IDS,
    )
)


@dataclass(frozen=True, slots=True)
class Raised:
    """The exception on a record."""

    type: str
    """Qualified name."""
    message: str
    stacktrace: str


def message_of(record: logging.LogRecord) -> str:
    """Return the formatted message; if it can't be formatted, the template and its arguments."""
    try:
        return clean_text(record.getMessage())
    except Exception:  # noqa: BLE001 - a stranger's template and arguments may raise anything
        # Python's own handlers print such a mistake to stderr; it is theirs to tell, not ours.
        return f"{clean_value(record.msg)!s} {clean_value(record.args)!r}"


def extra_of(record: logging.LogRecord) -> dict[str, Any]:  # Any: whatever a program put there
    """Return what the program put on the record with ``extra``; ids that we put there are left out."""
    return {key: value for key, value in vars(record).items() if key not in _OWN}


def raised_of(record: logging.LogRecord) -> Raised | None:
    """Return the exception on a record, if there is one."""
    info = record.exc_info
    if not isinstance(info, tuple) or info[0] is None:
        return None
    kind, error, trace = info
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        message = str(error)
    except Exception as fault:  # noqa: BLE001 - a stranger's __str__ may raise anything
        message = f"<str() raised {type(fault).__name__}>"
    try:
        stacktrace = "".join(traceback.format_exception(kind, error, trace))
    except Exception as fault:  # noqa: BLE001 - so may the parts that a traceback is made of
        stacktrace = f"<could not be formatted: {type(fault).__name__}>"
    return Raised(name, clean_text(message), clean_text(stacktrace))
