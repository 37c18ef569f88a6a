"""A global tracer provider that leads to whatever recorder is active.

OpenTelemetry's global provider can be set only once per process, a test-suite has many recorders: so what is set is a switch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import NoOpTracer, ProxyTracerProvider, Span, Tracer, TracerProvider

_active: list[TracerProvider] = []


class _SwitchedTracer(Tracer):
    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._args = args
        self._kwargs = kwargs

    def _tracer(self) -> Tracer:
        return _active[-1].get_tracer(*self._args, **self._kwargs) if _active else NoOpTracer()

    # Any: the API's own parameters, handed on as they come.
    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        return self._tracer().start_span(*args, **kwargs)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        return self._tracer().start_as_current_span(*args, **kwargs)


class _SwitchedProvider(TracerProvider):
    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return _SwitchedTracer(args, kwargs)


@contextmanager
def globally(provider: TracerProvider) -> Iterator[None]:
    """Make ``trace.get_tracer`` lead to ``provider`` inside the block, unless the program has set a provider of its own."""
    if isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
        trace.set_tracer_provider(_SwitchedProvider())
    _active.append(provider)
    try:
        yield
    finally:
        _active.remove(provider)
