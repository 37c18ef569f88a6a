"""One small function, to be instrumented in every way that is compared, and what a way to instrument it offers."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

from opentelemetry import context, trace

from benchmarks.sink import take_counts

FLUSH_S: Final = 30.0
ATTRIBUTES: Final = {"pipeline.name": "benchmark", "pipeline.stage.name": "work"}
"""What otelkit puts on every span and point of the stage, for those who do it by hand."""


def work(path: str) -> int:
    """Do next to nothing, so that a call costs what its instrumentation costs."""
    return len(path)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A way to instrument `work`."""

    call: Callable[[str], int]
    flush: Callable[[], object] = lambda: None
    """Export what is pending, and return when it has arrived."""
    exported: Callable[[], int] = lambda: 0
    """Spans that have left so far."""
    makes_spans: bool = False
    """Whether each call is to become a span that leaves."""
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    """What surrounds the calls of one turn."""


class Arrived:
    """Counts the spans that have come to a sink since the start, whoever sent them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._total = 0

    def __call__(self) -> int:
        self._total += take_counts(self._url)["spans"]
        return self._total


@contextmanager
def not_sampled() -> Iterator[None]:
    """Put a remote parent in force that was not sampled, as upstream services send it."""
    parent = trace.SpanContext(trace_id=1 << 64, span_id=1, is_remote=True, trace_flags=trace.TraceFlags(0))
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(parent)))
    try:
        yield
    finally:
        context.detach(token)


def forget_the_environment() -> None:
    """Take the caller's own telemetry settings out of this process, and the SDK's warnings with them."""
    for variable in [name for name in os.environ if name.startswith(("OTEL_", "DD_", "LOGFIRE_", "SENTRY_"))]:
        del os.environ[variable]
    # A processor whose queue is full says so once per span; a turn that lost spans says it in one line.
    logging.getLogger("opentelemetry.sdk").setLevel(logging.CRITICAL)
