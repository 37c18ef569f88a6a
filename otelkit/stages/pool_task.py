"""A task on its way to a process pool: it carries its context there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, set_value
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otelkit.stages import children
from otelkit.stages.attached import attach, leave
from otelkit.stages.run_facts import RUN_KEY, RunFacts, run_of

# Not the program's own propagators: what leaves the program is their business, between our own two ends this says it all.
_PROPAGATOR: Final = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


class PoolTask:
    """Calls ``function`` in the context it was submitted in. Can be pickled where ``function`` can.

    A worker that was forked has the context of the moment it was forked in; the task's own takes its place, also where that is
    empty. ``orderly``: the pool's workers end by themselves and not by a signal.
    """

    __slots__ = ("_carrier", "_function", "_orderly", "_run")

    # Any: the user's own function.
    def __init__(
        self,
        function: Callable[..., Any],
        carrier: Mapping[str, str],
        run: tuple[str, str, str] | None,
        orderly: bool,
    ) -> None:
        self._function = function
        self._orderly = orderly
        self._carrier = carrier
        self._run = run

    @classmethod
    def of(cls, function: Callable[..., Any], context: Context, *, orderly: bool) -> PoolTask:
        """Return ``function`` as a task of ``context``: its span, its baggage and its run."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, context)
        run = run_of(context)
        return cls(function, carrier, (run.id, run.name, run.pipeline) if run is not None else None, orderly)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._orderly:
            children.ends_orderly()
        context = _PROPAGATOR.extract(self._carrier, Context())
        if self._run is not None:
            context = set_value(RUN_KEY, RunFacts(*self._run), context)
        token = attach(context)
        try:
            return self._function(*args, **kwargs)
        finally:
            leave(token)

    def __reduce__(self) -> tuple[Any, ...]:
        return PoolTask, (self._function, self._carrier, self._run, self._orderly)
