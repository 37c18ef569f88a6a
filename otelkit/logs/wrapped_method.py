"""Wrap a method of a logging class, the standard library's or structlog's, and undo it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class WrappedMethod:
    """A method of a class that can be wrapped and unwrapped.

    Undoing it puts back what was there; if somebody else has wrapped it since, theirs stays and ours only passes through.

    Args:
        owner: The class.
        name: The method, its own or inherited.
        around: Called as ``around(original, self, *args, **kwargs)`` instead of the method while it is wrapped.
    """

    def __init__(self, owner: type, name: str, around: Callable[..., Any]) -> None:  # Any: as the method
        self._owner = owner
        self._name = name
        self._around = around
        self._undo: Callable[[], None] | None = None

    def wrap(self) -> None:
        """Wrap the method; does nothing if it is wrapped already."""
        if self._undo is not None:
            return
        owner, name, around = self._owner, self._name, self._around
        original = getattr(owner, name)
        inherited = name not in vars(owner)
        active = True

        @functools.wraps(original)
        def wrapper(self: object, *args: Any, **kwargs: Any) -> Any:  # Any: as the method
            if active:
                return around(original, self, *args, **kwargs)
            return original(self, *args, **kwargs)

        def undo() -> None:
            nonlocal active
            active = False
            if vars(owner).get(name) is wrapper:
                if inherited:
                    delattr(owner, name)
                else:
                    setattr(owner, name, original)

        setattr(owner, name, wrapper)
        self._undo = undo

    def unwrap(self) -> None:
        """Undo it; does nothing if it is not wrapped."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
