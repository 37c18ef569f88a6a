"""A context in words that any process understands: its span, its baggage and its run."""

from __future__ import annotations

from typing import Final, NamedTuple

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, set_value
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otelkit.stages.run_facts import RUN_KEY, RunFacts, run_of

# Not the program's own propagators: what leaves the program is their business, between our own two ends this says it all.
_PROPAGATOR: Final = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])

RunWords = tuple[str, str, str]
"""Id, name and pipeline of a run."""


class Carried(NamedTuple):
    """What of a context goes along to another process."""

    headers: dict[str, str]
    """Span and baggage, as W3C writes them."""
    run: RunWords | None


def carry(context: Context) -> Carried:
    """Return ``context`` in words."""
    headers: dict[str, str] = {}
    _PROPAGATOR.inject(headers, context)
    return Carried(headers, words_of(run_of(context)))


def context_of(carried: tuple[dict[str, str], RunWords | None]) -> Context:
    """Return the context that `carry` was given, as far as it went along; nothing of the current one is in it."""
    headers, run = carried
    return with_run(_PROPAGATOR.extract(headers, Context()), run)


def words_of(run: RunFacts | None) -> RunWords | None:
    """Return a run in words."""
    return None if run is None else (run.id, run.name, run.pipeline)


def with_run(context: Context, run: RunWords | None) -> Context:
    """Return ``context`` inside ``run``; as it is for None."""
    return context if run is None else set_value(RUN_KEY, RunFacts(*run), context)
