"""A task on its way to a process pool: it carries its context there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context

from otelkit.stages import children
from otelkit.stages.attached import attach, leave
from otelkit.stages.carried import RunWords, carry, context_of

_Words = tuple[dict[str, str], RunWords | None]


class PoolTask:
    """Calls ``function`` in the context it was submitted in. Can be pickled where ``function`` can.

    A worker that was forked has the context of the moment it was forked in; the task's own takes its place, also where that is
    empty. ``orderly``: the pool's workers end by themselves and not by a signal; ``words``: of the context; None: it is empty.

    Every task is pickled and unpickled between two pieces of work that leave nothing of this in the processor's caches, so
    that each object less is felt: plain tuples rather than named ones.
    """

    __slots__ = ("_function", "_orderly", "_words")

    # Any: the user's own function.
    def __init__(self, function: Callable[..., Any], words: _Words | None, orderly: bool) -> None:
        self._function = function
        self._words = words
        self._orderly = orderly

    @classmethod
    def of(cls, function: Callable[..., Any], context: Context, *, orderly: bool) -> PoolTask:
        """Return ``function`` as a task of ``context``: its span, its baggage and its run."""
        if not context:
            return cls(function, None, orderly)
        headers, run = carry(context)
        return cls(function, (headers, run), orderly)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._orderly:
            children.ends_orderly()
        words = self._words
        token = attach(Context() if words is None else context_of(words))
        try:
            return self._function(*args, **kwargs)
        finally:
            leave(token)

    def __reduce__(self) -> tuple[Any, ...]:
        return PoolTask, (self._function, self._words, self._orderly)
