"""See what reaches the root logger, without being one of its handlers.

A handler on the root logger changes the program: ``logging.basicConfig`` then does nothing, ``logging.warning`` is no longer
printed by the handler of last resort, ``logging.config`` removes ours. A tap changes none of that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from otelkit.logs.wrapped_method import WrappedMethod


class RootTap:
    """Gives a handler every record that the root logger's handlers would get, before they get it."""

    def __init__(self, handler: logging.Handler) -> None:
        self._handler = handler
        self._method = WrappedMethod(logging.Logger, "callHandlers", self._call_handlers)

    def open(self) -> None:
        """Start to listen; repeated calls do nothing."""
        self._method.wrap()

    def close(self) -> None:
        """Stop listening."""
        self._method.unwrap()

    def _call_handlers(self, original: Callable[..., None], logger: logging.Logger, record: logging.LogRecord) -> None:
        # First, because a formatter of the program's may rewrite the record (colours in `levelname`).
        if record.levelno >= self._handler.level and _reaches_root(logger):
            self._handler.handle(record)
        original(logger, record)


def _reaches_root(logger: logging.Logger) -> bool:
    """Say whether records of ``logger`` propagate to the root: a program may keep a logger to itself."""
    current: logging.Logger | None = logger
    while current is not None:
        if current.parent is not None and not current.propagate:
            return False
        current = current.parent
    return True
