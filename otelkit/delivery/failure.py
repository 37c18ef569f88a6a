"""What an exception says about how far an attempt came."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from otelkit.delivery.cleaned import cleaned
from otelkit.delivery.transport import Answer, Contact, Later


def attempted(once: Callable[[], Answer], *, again: bool) -> Answer:
    """Return what came of an attempt, whatever it raised.

    Args:
        once: Sends; may raise anything.
        again: Whether the connection may be an old one: if it breaks, that was most often because the receiver closed it for
            being idle, just when it was used again, and a new one works.
    """
    try:
        return once()
    except Exception as error:  # noqa: BLE001 - besides OSError, http.client, ssl and requests have their own
        answer = failed(error)
    return attempted(once, again=False) if again and answer.contact is Contact.BROKEN else answer


def failed(error: Exception) -> Later:
    """Return the answer that an attempt got which ended with ``error``."""
    return Later(cleaned(f"{type(error).__name__}: {error}"), contact=_contact(error))


def _contact(error: Exception) -> Contact:
    for cause in _causes(error):
        if isinstance(cause, ConnectionRefusedError):
            return Contact.REFUSED
        if isinstance(cause, TimeoutError):
            return Contact.SILENT
    return Contact.BROKEN


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it; urllib3 keeps that in ``reason`` and ``args`` too."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
