"""Where a stage target points to: attributes of a module or of a class in it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """An attribute that holds a function."""

    owner: ModuleType | type
    name: str
    function: Any  # Any: a function, a static or class method, or another callable object
    inherited_as: str | None = None
    """``Class.method`` if the owner has the function from a base class only, which is then left alone."""


def places(module: ModuleType, pattern: str) -> Iterator[Place]:
    """Yield what ``pattern`` points to in ``module``; nothing if there is no such function.

    Args:
        module: An imported module.
        pattern: As in `StageTarget.pattern`.
    """
    *way, last = pattern.split(".")
    owner: ModuleType | type = module
    for name in way:
        inner = inspect.getattr_static(owner, name, None)
        if not isinstance(inner, type):
            return
        owner = inner
    if last != "*":
        yield from _named(owner, last, pattern)
        return
    for name, value in list(vars(owner).items()):
        if not name.startswith("_") and _is_own(owner, value):
            yield Place(owner, name, value)


def _named(owner: ModuleType | type, name: str, pattern: str) -> Iterator[Place]:
    function = inspect.getattr_static(owner, name, None)
    if isinstance(owner, ModuleType):
        # A module may make its attributes up in `__getattr__`; what is not there yet is not there.
        function = vars(owner).get(name)
    if _is_wrappable(function):
        yield Place(owner, name, function, None if name in vars(owner) else pattern)


def _is_wrappable(value: object) -> bool:
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    return callable(value) and not isinstance(value, type)


def _is_own(owner: ModuleType | type, value: Any) -> bool:
    """Return whether ``value`` is a function that is defined here, not just imported or assigned."""
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if isinstance(value, type) or not callable(value) or not inspect.isroutine(value):
        return False
    module = owner.__name__ if isinstance(owner, ModuleType) else owner.__module__
    return getattr(value, "__module__", None) == module
