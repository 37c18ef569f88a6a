"""A trace that other services go on with: its ids in plain words, what to send along, and baggage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from opentelemetry import propagate, trace
from opentelemetry.baggage import set_baggage

from otelkit.model.calls import AttributeValue, Stage, StageKind
from otelkit.stages.attached import attach, get_current, leave
from otelkit.stages.block import Block


@dataclass(frozen=True, slots=True)
class DistributedTrace:
    """Where a trace stands, as other services and other languages write it (W3C Trace Context)."""

    trace_id: str
    """32 hex digits; all zero where there is no trace."""
    span_id: str
    """16 hex digits, of the span that others are to be below."""
    trace_flags: int
    """8 bits; 1: sampled."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What to send along, by the program's propagators: ``traceparent``, ``tracestate``, ``baggage`` unless it has others."""


@contextmanager
def create_distributed_trace(
    operation: str,
    *,
    pipeline: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    baggage: Mapping[str, str] | None = None,
) -> Iterator[DistributedTrace]:
    """Run a block as a stage call that other services can go on with, and tell its ids.

    Below whatever is current, else the beginning of a trace. Instrumented HTTP clients send the headers by themselves;
    ``headers`` is for everything else: a message, a file's metadata, a job's arguments. Whoever takes them makes them current
    by ``opentelemetry.propagate.extract``. Without an installed otelkit the block runs, and the ids are those of the current
    span, zero if there is none.

    Args:
        operation: Name of the stage.
        pipeline: As of ``otelkit.stage``.
        attributes: Put on the span.
        baggage: Goes along with the trace, to threads, processes and services, until the block ends. It leaves the process in
            headers: nothing secret.
    """
    context = get_current()
    for key, value in (baggage or {}).items():
        context = set_baggage(key, str(value), context)
    token = attach(context)
    try:
        block = Block(_stage(operation, pipeline))
        try:
            for key, described in (attributes or {}).items():
                block.set(key, described)
            yield _described()
        except BaseException as error:
            block.close(error)
            raise
        block.close()
    finally:
        leave(token)


def _described() -> DistributedTrace:
    here = trace.get_current_span().get_span_context()
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return DistributedTrace(f"{here.trace_id:032x}", f"{here.span_id:016x}", int(here.trace_flags), headers)


@lru_cache(maxsize=1000)
def _stage(operation: str, pipeline: str | None) -> Stage:
    return Stage(operation, StageKind.BLOCK, pipeline, attributes={})
