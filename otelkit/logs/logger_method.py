"""Wrap a method of every standard library logger, and undo it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any


class LoggerMethod:
    """A wrapped method of `logging.Logger`.

    Undoing it puts the original back; if somebody else has wrapped it since, theirs stays and ours only passes through.

    Args:
        name: The method.
        around: Called as ``around(original, logger, *args, **kwargs)`` instead of the method while it is wrapped.
    """

    def __init__(self, name: str, around: Callable[..., Any]) -> None:  # Any: as the method
        self._name = name
        self._around = around
        self._undo: Callable[[], None] | None = None

    def wrap(self) -> None:
        """Wrap the method; does nothing if it is wrapped already."""
        if self._undo is not None:
            return
        original = getattr(logging.Logger, self._name)
        around = self._around
        active = True

        @functools.wraps(original)
        def wrapper(logger: logging.Logger, *args: Any, **kwargs: Any) -> Any:  # Any: as the method
            if active:
                return around(original, logger, *args, **kwargs)
            return original(logger, *args, **kwargs)

        def undo() -> None:
            nonlocal active
            active = False
            if getattr(logging.Logger, self._name) is wrapper:
                setattr(logging.Logger, self._name, original)

        setattr(logging.Logger, self._name, wrapper)
        self._undo = undo

    def unwrap(self) -> None:
        """Undo it; does nothing if it is not wrapped."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
