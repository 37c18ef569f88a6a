"""Where our warnings go when the program prints none."""

from __future__ import annotations

import logging
import sys


class Spokesman(logging.Handler):
    """Writes our warnings to stderr, marked as ours, unless a handler of the program's own gets them.

    Python's handler of last resort would print them without saying who speaks, and not at all once an instrumentation has put
    a handler on the root logger that only exports. What the program configures is untouched: as soon as it has a handler of
    its own, our loggers speak through it like all others.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; never raises."""
        if any(not _only_exports(handler) for handler in logging.getLogger().handlers):
            return
        try:
            sys.stderr.write(f"otelkit: {record.getMessage()}\n")
            if record.exc_info:
                sys.stderr.write(logging.Formatter().formatException(record.exc_info) + "\n")
        except (AttributeError, OSError, ValueError):
            pass  # stderr is None, closed or gone: then nobody reads it


def speak_up() -> None:
    """Make our warnings heard from now on. Repeated calls do nothing."""
    logger = logging.getLogger("otelkit")
    if not any(isinstance(handler, Spokesman) for handler in logger.handlers):
        logger.addHandler(Spokesman(logging.WARNING))


def _only_exports(handler: logging.Handler) -> bool:
    """Whether a handler only sends records to OpenTelemetry, so that nobody sees them here."""
    return any(
        kind.__name__ == "LoggingHandler" and kind.__module__.startswith("opentelemetry.")
        for kind in type(handler).__mro__
    )
