"""What carries OTLP requests to a receiver, and what it may answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Contact(Enum):
    """How far an attempt that failed has come."""

    BUSY = "busy"
    """The receiver, or something before it, said that it can't take any request now."""
    ANSWERED = "answered"
    """It said no for another reason: not allowed, no such place, a bug. Somebody has to mend that."""
    BROKEN = "broken"
    """The way there failed: no such host, no route, a connection that ended in the middle, a bad certificate."""
    REFUSED = "refused"
    """Nothing listens there."""
    SILENT = "silent"
    """Nobody answered in the time there was."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The receiver has the request."""

    rejected: int = 0
    """Spans, points or records of it that the receiver left out for good (OTLP's partial success)."""
    message: str = ""
    """Why, or what the receiver warns of; empty if it said nothing."""


@dataclass(frozen=True, slots=True)
class Later:
    """The receiver does not have the request now, and may take it another time."""

    why: str
    """In a few words, without secrets."""
    after_s: float | None = None
    """Seconds that the receiver asked us to wait, in [0, 3600]; None: it did not say."""
    contact: Contact = Contact.ANSWERED


@dataclass(frozen=True, slots=True)
class Never:
    """The receiver will never take this request, because of what is in it."""

    why: str
    """In a few words, without secrets."""


Answer = Taken | Later | Never


class Transport(Protocol):
    """Carries requests of one signal to one receiver. Used by one thread at a time; not to be used across a fork."""

    def send(self, body: bytes, timeout_s: float) -> Answer:
        """Send one export request, protobuf, once: whoever calls decides about repeating it.

        May raise, which is taken as a way that is broken, and may take longer than ``timeout_s``.
        """

    def close(self) -> None:
        """Close connections. May be called from another thread than `send`, also while that runs."""
