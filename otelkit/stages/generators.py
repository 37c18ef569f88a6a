"""Stages that are generator functions.

One call is the whole iteration. Its span is current while the generator's own frame runs, and never between two values.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from opentelemetry.context import Context

from otelkit import _current
from otelkit.model.calls import Stage
from otelkit.model.runtime import StageRuntime
from otelkit.stages.attached import attach, get_current, leave, reset
from otelkit.stages.staged import StagedCallable, named_like

# Any below: the user's own signature and values.


def wrap_generator(function: Callable[..., Any], stage: Stage) -> Callable[..., Any]:
    """Return ``function`` as a stage. The context of the call is the parent; the span starts at the first ``next``."""

    def call(*args: Any, **kwargs: Any) -> Any:
        runtime = _current.runtime
        # Called here, so that wrong arguments are an error of the call and not of the first `next`.
        values = function(*args, **kwargs)
        if runtime is None:
            return values
        return named_like(_driven(runtime, stage, get_current(), values, args, kwargs), values)

    return StagedCallable(function, call)


def _driven(
    runtime: StageRuntime,
    stage: Stage,
    parent: Context,
    values: Generator[Any, Any, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Generator[Any, Any, Any]:
    """Iterate ``values`` as one call; pass on all that goes in and out."""
    call = runtime.open(stage, args, kwargs, parent)
    del args, kwargs  # an iteration may last long, and the user's generator may have let go of them
    context = call.scope
    now = call.now
    counted = call.count_values()
    resume: Callable[[Any], Any] = values.send
    sent: Any = None
    closing: GeneratorExit | None = None
    handed_out: list[Any] = []  # emptied as it is handed out: the consumer alone decides how long a value lives
    while True:
        token = attach(context)
        try:
            handed_out.append(resume(sent))
        except StopIteration as end:
            leave(token)
            call.close(closing)
            closing = None  # as with `sent`, below
            return end.value
        except BaseException as error:
            leave(token)
            call.close(error)
            closing = None
            raise
        finally:
            sent = None  # an error that was thrown in holds this frame by its traceback
        # A block that the generator has entered stays entered for its next part.
        context = get_current()
        try:
            reset(token)
        except Exception:  # noqa: BLE001 - the generator has changed the context of the thread it runs in
            leave(token)
        counted[0] += 1
        # From here until it is resumed its consumer is at work, not the stage.
        call.yielded_at_ns = now()
        try:
            sent = yield handed_out.pop()
        except GeneratorExit as error:
            sent = closing = error
            resume = values.throw
        except BaseException as error:  # noqa: BLE001 - thrown in by the consumer, and thrown on to the user's generator
            sent, closing = error, None
            resume = values.throw
        else:
            closing = None
            resume = values.send
        call.blocked_ns += now() - call.yielded_at_ns
        call.yielded_at_ns = 0
