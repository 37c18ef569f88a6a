"""Every way in which the receiver refuses a request: what HTTP and gRPC answer, and how it is counted."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from otelkit.embedded import tally
from otelkit.embedded.answers import Code
from otelkit.embedded.in_flight import Busy
from otelkit.errors import ReceiverError, StoreError, WireError

_log = logging.getLogger("otelkit.embedded")

STORE_RETRY_S = 5
"""When to try again after the store failed: long enough to make room on a disk, short enough for a sender's own patience."""
STOPPING_RETRY_S = 1


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is refused, whole."""

    http_status: int
    code: Code
    reason: str
    """One of the constants of ``tally``."""
    message: str
    """For a person: what was found, what was expected, what to do."""
    retry_after_s: int | None = None
    """When the same request may succeed; None: never."""


class RefusedError(Exception):
    """Carries a refusal to whoever answers."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.message)


def too_large(limit_bytes: int) -> Refusal:
    """Return the refusal of a body above the limit."""
    return Refusal(
        413,
        Code.RESOURCE_EXHAUSTED,
        tally.TOO_LARGE,
        f"The body is larger than {limit_bytes} bytes (after decompression). Send smaller batches, or raise the setting "
        "receiver_max_body_bytes.",
    )


def malformed(problem: str, reason: str = tally.MALFORMED) -> Refusal:
    """Return the refusal of a body that does not decode."""
    return Refusal(
        400,
        Code.INVALID_ARGUMENT,
        reason,
        f"The body is not a valid OTLP request: {problem}. Nothing of it was stored; sending it again will not help.",
    )


def wrong_type(problem: str) -> Refusal:
    """Return the refusal of a content type or encoding that we don't read."""
    return Refusal(415, Code.INVALID_ARGUMENT, tally.WRONG_TYPE, problem)


def refusal_of(error: BaseException) -> Refusal:
    """Return the refusal for what the intake raised; an unexpected error is logged here."""
    if isinstance(error, RefusedError):
        return error.refusal
    if isinstance(error, WireError):
        where = f" (at byte {error.offset})" if error.offset is not None else ""
        return malformed(f"{error}{where}")
    if isinstance(error, Busy):
        return Refusal(429, Code.UNAVAILABLE, tally.BUSY, str(error), error.retry_after_s)
    if isinstance(error, StoreError):
        message = f"The telemetry could not be stored: {error}"
        return Refusal(503, Code.UNAVAILABLE, tally.NOT_STORED, message, STORE_RETRY_S)
    if isinstance(error, ReceiverError):
        return Refusal(503, Code.UNAVAILABLE, tally.NOT_STORED, str(error), STOPPING_RETRY_S)
    _log.error("a request failed inside the receiver", exc_info=error)
    message = f"The receiver failed on this request ({type(error).__name__}). Its log says more; please report it."
    return Refusal(500, Code.INTERNAL, tally.NOT_STORED, message)
