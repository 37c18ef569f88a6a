"""What a span says of an error."""

from __future__ import annotations

import traceback
import types
from typing import TYPE_CHECKING, Final, Protocol

from opentelemetry.trace import Status, StatusCode

from otelkit import names
from otelkit.model.calls import error_type_of

if TYPE_CHECKING:
    from opentelemetry.util.types import Attributes

_MAX_MESSAGE: Final = 1000
_MAX_FRAMES: Final = 32
_MAX_CHAIN: Final = 10
_MAX_STACKTRACE: Final = 16_384
"""Characters; the end is kept, where the error is."""


class Recordable(Protocol):
    """What can tell of an error: a span, or what stands for one."""

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None: ...

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None: ...


def record_error(span: Recordable, error: BaseException, timestamp: int | None = None) -> None:
    """Give the span the error as an event, with the innermost part of its traceback, and the status ERROR.

    The event is dated ``timestamp`` (Unix nanoseconds; None: now): to write a traceback takes longer than many a call.

    Not by ``record_exception``: it formats every frame, which for an error that leaves a deep recursion takes seconds, and it
    raises where the error's own ``__str__`` does.
    """
    message = text_of(error)
    span.add_event(
        "exception",
        {
            names.EXCEPTION_TYPE: error_type_of(error),
            names.EXCEPTION_MESSAGE: message,
            names.EXCEPTION_STACKTRACE: stacktrace_of(error),
        },
        timestamp,
    )
    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {message}"))


def stacktrace_of(error: BaseException) -> str:
    """Return the innermost part of the error's traceback as text, at most 16,384 characters; empty if it can't be told."""
    try:
        told = traceback.TracebackException(
            type(error), error, _end_of(error.__traceback__), limit=-_MAX_FRAMES, compact=True
        )
        _without_columns(told)
        text = "".join(told.format())
    except Exception:  # noqa: BLE001 - the user's own classes take part in it
        return ""
    return text if len(text) <= _MAX_STACKTRACE else "…" + text[1 - _MAX_STACKTRACE :]


def _end_of(trace: types.TracebackType | None) -> types.TracebackType | None:
    """Return the innermost part of a traceback. The standard library would look at each of its frames before it limits them."""
    ahead = trace
    for _ in range(_MAX_FRAMES):
        if ahead is None:
            return trace
        ahead = ahead.tb_next
    while ahead is not None and trace is not None:
        ahead, trace = ahead.tb_next, trace.tb_next
    return trace


def _without_columns(told: traceback.TracebackException | None) -> None:
    """Leave out where in its line each frame is: the marks below the lines take a parser run each, 3 ms per error."""
    links = 0
    while told is not None and links < _MAX_CHAIN:
        for frame in told.stack:
            frame.colno = frame.end_colno = None
        told = told.__cause__ or told.__context__
        links += 1


def text_of(error: BaseException) -> str:
    """Return the error's message, at most 1000 characters."""
    try:
        return str(error)[:_MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - see above
        return "(its message can't be read)"
