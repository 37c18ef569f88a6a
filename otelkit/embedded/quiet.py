"""Keeps the receiver out of its own telemetry."""

from __future__ import annotations

from contextlib import AbstractContextManager

from opentelemetry.instrumentation.utils import suppress_instrumentation


def untraced() -> AbstractContextManager[None]:
    """Return a context in which instrumentations of this process make no spans.

    The receiver's own threads run in it: when the process that holds the receiver is itself instrumented, its queries would
    become spans, which it would store, which would make queries.
    """
    return suppress_instrumentation()
