"""The program's log lines as JSON of one schema.

Every line has the same keys, null where there is nothing to say:

=================== =================================================================================================
``timestamp``       RFC 3339, UTC, microseconds
``severity``        ``DEBUG``, ``INFO``, ``WARN``, ``ERROR`` or ``FATAL``
``message``         the formatted message
``logger``          the logger's name
``service``         ``service.name``
``correlation_id``  never null: as given to `identify`, else the run's id, else the trace's, else one made for this process
``trace_id``        32 hex digits
``span_id``         16 hex digits
``pipeline``        ``pipeline.name`` of the stage whose span is current
``stage``           its ``pipeline.stage.name``
``run_id``          its ``pipeline.run.id``, else that of the process
``user_id``         as given to `identify`
``request_id``      as given to `identify`
``exception``       null, or an object with ``type``, ``message`` and ``stacktrace``
``attributes``      what the program gave with ``extra``, or in a structlog event
=================== =================================================================================================
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from opentelemetry.trace import Span, get_current_span

from otelkit import names
from otelkit.logs.identity import current_identity
from otelkit.logs.reading import RECORD_IDS, extra_of, message_of, raised_of
from otelkit.logs.severity import severity_text
from otelkit.logs.wrapped_method import WrappedMethod


class JsonFormatter(logging.Formatter):
    """Formats records as one line of JSON each; see this module for its keys.

    Args:
        service_name: Of this process; empty: as the record says, if `correlation` is installed.
        run_id: Of the run this process belongs to, if any.
    """

    def __init__(self, service_name: str = "", run_id: str | None = None) -> None:
        super().__init__()
        self._service_name = service_name
        self._run_id = run_id
        self._process_id: tuple[int, str] | None = None

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        span = get_current_span()
        place = _attributes(span)
        identity = current_identity()
        trace_id, span_id = _ids(record, span)
        run_id = _text_or_none(place.get(names.PIPELINE_RUN_ID)) or self._run_id
        raised = raised_of(record)
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "severity": severity_text(record.levelname),
            "message": message_of(record),
            "logger": record.name,
            "service": self._service_name or _text_or_none(vars(record).get(RECORD_IDS[3])),
            "correlation_id": identity.correlation_id or run_id or trace_id or self._own_id(),
            "trace_id": trace_id,
            "span_id": span_id,
            "pipeline": _text_or_none(place.get(names.PIPELINE_NAME)),
            "stage": _text_or_none(place.get(names.STAGE_NAME)),
            "run_id": run_id,
            "user_id": identity.user_id,
            "request_id": identity.request_id,
            "exception": None
            if raised is None
            else {"type": raised.type, "message": raised.message, "stacktrace": raised.stacktrace},
            "attributes": _jsonable(extra_of(record)),
        }
        return json.dumps(line, separators=(",", ":"))

    def _own_id(self) -> str:
        # By process, so that a forked child does not pass for its parent.
        if self._process_id is None or self._process_id[0] != os.getpid():
            self._process_id = (os.getpid(), uuid.uuid4().hex)
        return self._process_id[1]


def install(service_name: str = "", run_id: str | None = None) -> None:
    """Make JSON of every line that a handler of the program writes to stderr or stdout, from now on.

    Which lines there are stays the program's own choice: its handlers, levels and filters are untouched, and lines that it
    writes to files keep their format. Where it has no handler, Python's handler of last resort writes warnings and errors, as
    always.
    """
    global _formatter
    _formatter = JsonFormatter(service_name, run_id)
    _format.wrap()


def uninstall() -> None:
    """Undo `install`."""
    _format.unwrap()


def _formatted(
    original: Callable[[logging.Handler, logging.LogRecord], str],
    handler: logging.StreamHandler[Any],  # Any: text streams
    record: logging.LogRecord,
) -> str:
    if handler.stream in (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__):
        return _formatter.format(record)
    return original(handler, record)


_formatter = JsonFormatter()
_format = WrappedMethod(logging.StreamHandler, "format", _formatted)


def _ids(record: logging.LogRecord, span: Span) -> tuple[str | None, str | None]:
    """Return the ids of the record, taken where it was made, else those of the current span."""
    trace_id, span_id = (vars(record).get(key) for key in RECORD_IDS[:2])
    if isinstance(trace_id, str) and isinstance(span_id, str) and trace_id != "0":
        return trace_id, span_id
    context = span.get_span_context()
    return (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.is_valid else (None, None)


def _attributes(span: Span) -> Mapping[str, Any]:  # Any: attribute values
    """Return a span's attributes as far as it lets them be read: recording spans of the SDK do."""
    attributes = getattr(span, "attributes", None)
    return attributes if isinstance(attributes, Mapping) else {}


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _jsonable(value: Any) -> Any:  # Any: `otelkit.logs.values.Clean` in, JSON out
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list):
        return [_jsonable(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _jsonable(entry) for key, entry in value.items()}
    return value
