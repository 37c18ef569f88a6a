"""Who a piece of work is done for: ids that every log record inside a block carries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from opentelemetry.context import attach, create_key, detach, get_current, get_value, set_value

_KEY: Final = create_key("otelkit-log-identity")


@dataclass(frozen=True, slots=True)
class Identity:
    """Ids of one piece of work; None where it has none."""

    correlation_id: str | None = None
    user_id: str | None = None
    request_id: str | None = None


_NOBODY: Final = Identity()


@contextmanager
def identify(
    *, correlation_id: str | None = None, user_id: str | None = None, request_id: str | None = None
) -> Iterator[Identity]:
    """Put ids on every log record inside the block, exported ones and JSON lines; ids of an outer block stay unless given anew.

    They travel with OpenTelemetry's context: to coroutines, and to threads and executors that it is handed to. They never leave
    the process by themselves, as baggage would.
    """
    outer = current_identity()
    identity = Identity(
        correlation_id=outer.correlation_id if correlation_id is None else str(correlation_id),
        user_id=outer.user_id if user_id is None else str(user_id),
        request_id=outer.request_id if request_id is None else str(request_id),
    )
    inside = set_value(_KEY, identity)
    token = attach(inside)
    try:
        yield identity
    finally:
        # Elsewhere, a generator's block for instance ends in the context of whoever closes it, and the token is not for there.
        if get_current() is inside:
            detach(token)


def current_identity() -> Identity:
    """Return the ids in force here."""
    identity = get_value(_KEY)
    return identity if isinstance(identity, Identity) else _NOBODY
