"""A callable that stands for another one in all that can be asked of it."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any


class StagedCallable:
    """Calls ``call``; answers like ``function`` to everything else: isinstance, inspect, attributes, binding, pickling.

    For functions whose wrapper can't be of their own kind. A wrapper around a generator function has to act when it is called,
    which no generator function does; and a wrapper around a callable object must keep its attributes (``cache_clear``).
    """

    # Any below: the user's own signature and attributes.
    def __init__(self, function: Callable[..., Any], call: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.__dict__["_otelkit_call"] = call

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.__dict__["_otelkit_call"](*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        wrapped = self.__dict__["__wrapped__"]
        if instance is None or not hasattr(type(wrapped), "__get__"):
            return self
        return types.MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["__wrapped__"], name)

    # Any: mypy wants a class here, and it is one
    @property  # type: ignore[misc]  # what is asked for is the wrapped object's class, as a mock's or a proxy's is
    def __class__(self) -> Any:
        return type(self.__dict__["__wrapped__"])

    def __repr__(self) -> str:
        return repr(self.__dict__["__wrapped__"])

    def __reduce__(self) -> str | tuple[Any, ...]:
        # By name, as functions are: who unpickles it gets the stage that is there. A callable without a name (a partial) is
        # pickled as what it was before it became a stage.
        wrapped = self.__dict__["__wrapped__"]
        name = getattr(wrapped, "__qualname__", None)
        reduced: str | tuple[Any, ...] = name if isinstance(name, str) else wrapped.__reduce_ex__(4)
        return reduced


def named_like(staged: Any, original: Any) -> Any:
    """Return the generator ``staged`` with the name of ``original``, as tracebacks and warnings show it."""
    staged.__name__, staged.__qualname__ = original.__name__, original.__qualname__
    return staged
