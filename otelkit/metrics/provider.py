"""Which meter provider this process records into."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Final

from opentelemetry import metrics

_own: metrics.MeterProvider | None = None
_asked = False
_told: Final[list[weakref.WeakMethod[Callable[[], None]]]] = []


def process_provider() -> metrics.MeterProvider:
    """Return the provider to record into: OpenTelemetry's global one, but in a forked child the child's own."""
    global _asked
    _asked = True
    return metrics.get_meter_provider() if _own is None else _own


def is_recorded_into() -> bool:
    """Say whether somebody has asked for the process's provider since it was set, and may record into it."""
    return _asked


def set_process_provider(provider: metrics.MeterProvider | None) -> None:
    """Make ``provider`` this process's; whoever asked to be told makes its instruments anew. None: the global one again.

    OpenTelemetry's global provider can be set only once, and a forked child inherits the parent's, which exports nothing there.
    """
    global _own, _asked
    _own, _asked = provider, False
    for reference in tuple(_told):
        method = reference()
        if method is None:
            _told.remove(reference)
        else:
            method()


def when_provider_changes(method: Callable[[], None]) -> None:
    """Call a bound method whenever the process's provider changes, as long as its object lives."""
    _told.append(weakref.WeakMethod(method))
