"""Stages that are coroutine functions.

The call's context is current while a step of the coroutine runs, not while it is suspended: whoever drives it, and wherever it
is closed in the end, nothing else ever sees it.
"""

from __future__ import annotations

import functools
import inspect
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
    # Calling a native one only makes the coroutine; what is just marked as one may run code of its own, inside the first step.
    make = function if _is_native(function) else functools.partial(_started, function)

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        runtime = _current.runtime
        if runtime is None:
            return await function(*args, **kwargs)
        call = runtime.open(stage, args, kwargs)
        try:
            steps = make(*args, **kwargs)
            # The first step by hand: many coroutines never wait for anything.
            token = attach(call.scope)
            try:
                awaited = steps.send(None)
            finally:
                scope = get_current()
                leave(token)
            result = await _the_rest(Scope(scope), steps, awaited)
        except StopIteration as end:
            call.close()
            return end.value
        except BaseException as error:
            call.close(error)
            raise
        call.close()
        return result

    return wrapper


def _is_native(function: Callable[..., Any]) -> bool:
    return isinstance(function, types.FunctionType) and bool(function.__code__.co_flags & inspect.CO_COROUTINE)


async def _started(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await function(*args, **kwargs)


@types.coroutine
def _the_rest(scope: Scope, steps: Steps, awaited: Any) -> Generator[Any, Any, Any]:
    """Hand out what the first step awaits, then drive the others to their end."""
    try:
        value = yield awaited
        resume = steps.send
    except BaseException as error:  # noqa: BLE001 - thrown in by the event loop, and thrown on to the user's code
        value = error
        resume = steps.throw
    rest = _driven(scope, steps, resume, value)
    del awaited, value  # an error that was thrown in holds this frame by its traceback
    return (yield from rest)


def in_steps(scope: Scope, steps: Steps) -> Any:
    """Drive ``steps`` to their end, each in the scope's context; pass on all that goes in and out."""
    return _driven(scope, steps, steps.send, None)


@types.coroutine
def _driven(scope: Scope, steps: Steps, resume: Callable[[Any], Any], value: Any) -> Generator[Any, Any, Any]:
    while True:
        token = attach(scope.context)
        try:
            awaited = resume(value)
        except StopIteration as end:
            return end.value
        except BaseException:
            del steps, resume  # what `athrow` returns holds what is thrown in; see below
            raise
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
