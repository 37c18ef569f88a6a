"""What is said while the program starts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def said_plainly() -> Iterator[None]:
    """Write our own warnings to stderr, marked as ours, while the program has had no chance to configure logging.

    Without it Python's handler of last resort would print them without saying who speaks. What the program configures
    later is untouched: afterwards our loggers propagate like all others.
    """
    logger = logging.getLogger("otelkit")
    if logging.getLogger().handlers or logger.handlers:
        yield  # the program has configured logging already
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("otelkit: %(message)s"))
    handler.setLevel(logging.WARNING)
    logger.addHandler(handler)
    propagates, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates
