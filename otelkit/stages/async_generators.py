"""Stages that are asynchronous generator functions. One call is the whole iteration, as in ``generators``."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable
from typing import Any

from opentelemetry.context import Context

from otelkit import _current
from otelkit.model.calls import Stage
from otelkit.model.runtime import StageRuntime
from otelkit.stages.attached import get_current
from otelkit.stages.coroutines import Scope, Steps, in_steps
from otelkit.stages.staged import StagedCallable, named_like

# Any below: the user's own signature and values.


def wrap_async_generator(function: Callable[..., Any], stage: Stage) -> Callable[..., Any]:
    """Return ``function`` as a stage. The context of the call is the parent; the span starts at the first ``anext``."""

    def call(*args: Any, **kwargs: Any) -> Any:
        runtime = _current.runtime
        values = function(*args, **kwargs)
        if runtime is None:
            return values
        return named_like(_driven(runtime, stage, get_current(), values, args, kwargs), values)

    return StagedCallable(function, call)


async def _driven(
    runtime: StageRuntime,
    stage: Stage,
    parent: Context,
    values: AsyncGenerator[Any, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> AsyncGenerator[Any, Any]:
    """Iterate ``values`` as one call; pass on all that goes in and out."""
    call = runtime.open(stage, args, kwargs, parent)
    del args, kwargs  # an iteration may last long, and the user's generator may have let go of them
    scope = Scope(call.scope)
    steps = _first(values)
    closing: GeneratorExit | None = None
    handed_out: list[Any] = []  # emptied as it is handed out: the consumer alone decides how long a value lives
    now = call.now
    counted = call.count_values()
    while True:
        try:
            handed_out.append(await in_steps(scope, steps))
        except StopAsyncIteration:
            call.close(closing)
            closing = None  # as with `steps`, below
            return
        except BaseException as error:
            call.close(error)
            closing = None
            raise
        finally:
            del steps  # an error that was thrown in holds this frame by its traceback
        counted[0] += 1
        # From here until it is resumed its consumer is at work, not the stage.
        call.yielded_at_ns = now()
        closing = None
        try:
            sent = yield handed_out.pop()
            steps = _steps(values.asend(sent))
            del sent
        except GeneratorExit as error:
            closing = error
            steps = _steps(values.athrow(error))
        except BaseException as error:  # noqa: BLE001 - thrown in by the consumer, and thrown on to the user's generator
            steps = _steps(values.athrow(error))
        call.blocked_ns += now() - call.yielded_at_ns
        call.yielded_at_ns = 0


def _first(values: AsyncGenerator[Any, Any]) -> Steps:
    """Start ``values`` without telling the event loop of it.

    The loop closes the generators it knows of when it ends, all at once: it must close ours, which closes the user's in turn,
    and not both beside each other.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return _steps(values.asend(None))
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _steps(awaitable: Any) -> Steps:
    steps: Steps = (
        awaitable  # what `asend` and `athrow` return has `send` and `throw`, though typing knows it as awaitable only
    )
    return steps
