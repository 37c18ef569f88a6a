"""The logging handler of ``opentelemetry-instrumentation-logging`` (or the SDK's older one) at the end of the program."""

from __future__ import annotations

import logging


def flush_no_more() -> None:
    """Have the stock handlers on the root logger do nothing when `logging` flushes them last of all.

    To be called once all records have been sent. Their own ``flush`` starts a thread, which Python 3.12 and later refuse at
    that point, with a traceback on stderr.
    """
    for handler in logging.getLogger().handlers:
        if is_stock(handler):
            handler.flush = _nothing  # type: ignore[method-assign]  # shadows the class's method on this one object


def is_stock(handler: logging.Handler) -> bool:
    """Return whether a handler is OpenTelemetry's own. By name: neither package is imported for this question."""
    return any(
        kind.__name__ == "LoggingHandler" and kind.__module__.startswith("opentelemetry.")
        for kind in type(handler).__mro__
    )


def _nothing() -> None:
    pass
