"""Do the same to a function and to its stage, and write down what comes out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry.context import get_current

Operation = tuple[str, Any]


def sequences(operations: Iterable[Operation], length: int) -> Iterator[tuple[Operation, ...]]:
    """Yield every sequence of ``length`` operations."""
    yield from itertools.product(tuple(operations), repeat=length)


def attempt(do: Callable[..., Any], *args: Any) -> Any:
    """Return what ``do`` returns, or what there is to say of what it raises."""
    try:
        return ("returned", do(*args))
    except BaseException as error:
        return ("raised", *_told(error))


def _told(error: BaseException | None, depth: int = 0) -> tuple[Any, ...]:
    if error is None or depth > 3:
        return ()
    return (
        type(error).__name__,
        str(error),
        _told(error.__cause__, depth + 1),
        _told(error.__context__, depth + 1),
        error.__suppress_context__,
    )


def outside_is_untouched(before: object) -> None:
    """Assert that what is current is what was current."""
    assert get_current() is before


class Pause:
    """An awaitable that suspends once and returns what is sent to it."""

    def __init__(self, value: Any = None) -> None:
        self._value = value

    def __await__(self) -> Iterator[Any]:
        return (yield self._value)
