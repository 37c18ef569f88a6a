"""What a stage is called when the user has not named it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Any below: the user's own function, of any signature.
_MAIN = frozenset({"__main__", "__mp_main__"})


def module_of(function: Callable[..., Any]) -> str:
    """Return the dotted name of the function's module.

    The program's own script is ``__main__`` in every process: multiprocessing calls it ``__mp_main__`` in a spawned one.
    """
    module = getattr(function, "__module__", None) or getattr(type(function), "__module__", "") or ""
    return "__main__" if module in _MAIN else str(module)


def qualified_name_of(function: Callable[..., Any]) -> str:
    """Return the function's qualified name without ``<locals>``: ``Encoder.run``, ``make.inner``."""
    inner = function
    while not hasattr(inner, "__qualname__") and hasattr(inner, "func"):
        inner = inner.func  # a functools.partial is called after the function in it
    name = getattr(inner, "__qualname__", None) or type(inner).__qualname__
    return str(name).replace(".<locals>", "")


def stage_name_of(function: Callable[..., Any]) -> str:
    """Return ``steps.Encoder.run`` for a method in ``app/steps.py``; in ``__main__`` only ``Encoder.run``."""
    module = module_of(function).rpartition(".")[2]
    name = qualified_name_of(function)
    return name if module in ("__main__", "") else f"{module}.{name}"


def full_name_of(function: Callable[..., Any]) -> str:
    """Return the full dotted path, for `code.function.name`."""
    module = module_of(function)
    return f"{module}.{qualified_name_of(function)}" if module else qualified_name_of(function)
