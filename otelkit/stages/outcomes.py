"""How a call ended, and what its span says of an error."""

from __future__ import annotations

import asyncio
from typing import Final

from opentelemetry.trace import Span, Status, StatusCode

from otelkit import names
from otelkit.model.calls import Outcome

_MAX_MESSAGE: Final = 1000


def outcome_of(error: BaseException | None) -> Outcome:
    """Return the outcome of a call that ``error`` leaves (None: it returned).

    Being told to stop is no error: closing a generator, cancelling a task, Ctrl-C, and leaving with exit code 0.
    """
    if error is None:
        return Outcome.OK
    if isinstance(error, GeneratorExit | asyncio.CancelledError | KeyboardInterrupt):
        return Outcome.CANCELLED
    if isinstance(error, SystemExit) and (error.code is None or error.code == 0):
        return Outcome.CANCELLED
    return Outcome.ERROR


def record_error(span: Span, error: BaseException) -> None:
    """Give the span the error as an event, with its traceback, and the status ERROR."""
    try:
        span.record_exception(error)
    except Exception:  # noqa: BLE001 - the user's __str__ or __repr__ may raise anything
        span.add_event(
            "exception", {names.EXCEPTION_TYPE: type(error).__qualname__, names.EXCEPTION_MESSAGE: text_of(error)}
        )
    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {text_of(error)}"))


def text_of(error: BaseException) -> str:
    """Return the error's message, at most 1000 characters."""
    try:
        return str(error)[:_MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - see above
        return "(its message can't be read)"
