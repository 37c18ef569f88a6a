"""Stages that are coroutine functions.

The call's context is current while a step of the coroutine runs, not while it is suspended: whoever drives it, and wherever it
is closed in the end, nothing else ever sees it.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Generator
from typing import Any, Protocol

from opentelemetry.context import Context

from otelkit import _current
from otelkit.model.calls import Stage
from otelkit.stages.attached import attach, get_current, leave

# Any below: the user's own signature, and what coroutines exchange with their event loop.


class Steps(Protocol):
    """What can be driven step by step: a coroutine, or what ``asend`` and ``athrow`` return."""

    def send(self, value: Any, /) -> Any: ...

    def throw(self, error: BaseException, /) -> Any: ...


class Scope:
    """The context in which the steps of one call run. What a step changes in it, the next step finds."""

    __slots__ = ("context",)

    def __init__(self, context: Context) -> None:
        self.context = context


def wrap_coroutine(function: Callable[..., Any], stage: Stage) -> Callable[..., Any]:
    """Return ``function`` as a stage. As with every coroutine function, the call starts when it is awaited."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        runtime = _current.runtime
        if runtime is None:
            return await function(*args, **kwargs)
        call = runtime.open(stage, args, kwargs)
        try:
            result = await in_steps(Scope(call.scope), _started(function, args, kwargs))
        except BaseException as error:
            call.close(error)
            raise
        call.close()
        return result

    return wrapper


async def _started(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # Called inside the first step: what is marked as a coroutine function may run code of its own before it returns one.
    return await function(*args, **kwargs)


@types.coroutine
def in_steps(scope: Scope, steps: Steps) -> Generator[Any, Any, Any]:
    """Drive ``steps`` to their end, each in the scope's context; pass on all that goes in and out."""
    resume: Callable[[Any], Any] = steps.send
    value: Any = None
    while True:
        token = attach(scope.context)
        try:
            awaited = resume(value)
        except StopIteration as end:
            return end.value
        finally:
            scope.context = get_current()
            leave(token)
            value = None  # an error that was thrown in holds this frame by its traceback
        try:
            value = yield awaited
            resume = steps.send
        except BaseException as error:  # noqa: BLE001 - thrown in by the event loop, and thrown on to the user's code
            value = error
            resume = steps.throw
