"""A task on its way to a process pool: it carries its context there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context

from otelkit.stages import children
from otelkit.stages.attached import attach, leave
from otelkit.stages.carried import Carried, carry, context_of


class PoolTask:
    """Calls ``function`` in the context it was submitted in. Can be pickled where ``function`` can.

    A worker that was forked has the context of the moment it was forked in; the task's own takes its place, also where that is
    empty. ``orderly``: the pool's workers end by themselves and not by a signal.
    """

    __slots__ = ("_carried", "_function", "_orderly")

    # Any: the user's own function.
    def __init__(self, function: Callable[..., Any], carried: Carried, orderly: bool) -> None:
        self._function = function
        self._carried = carried
        self._orderly = orderly

    @classmethod
    def of(cls, function: Callable[..., Any], context: Context, *, orderly: bool) -> PoolTask:
        """Return ``function`` as a task of ``context``: its span, its baggage and its run."""
        return cls(function, carry(context), orderly)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._orderly:
            children.ends_orderly()
        token = attach(context_of(self._carried))
        try:
            return self._function(*args, **kwargs)
        finally:
            leave(token)

    def __reduce__(self) -> tuple[Any, ...]:
        return PoolTask, (self._function, self._carried, self._orderly)
