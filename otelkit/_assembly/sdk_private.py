"""Private names of the OpenTelemetry SDK that the wiring can't do without.

The only others are read in `delivery.exporters` (what an exporter prefers) and in `metrics.sdk_private`.

Each use has a test in ``tests/assembly/test_sdk_private.py`` that fails when the name changes; each falls back to doing
without when the name is gone.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider


def update_resource(provider: TracerProvider | LoggerProvider, attributes: Mapping[str, str | int]) -> None:
    """Change attributes of a provider's resource, for a forked child; there is no public way."""
    update = getattr(provider, "_update_resource", None)
    if update is not None:
        update(Resource(attributes))


def take_processors(provider: TracerProvider) -> tuple[SpanProcessor, ...]:
    """Remove and return the provider's span processors, so that they can stand behind our chain.

    Needed with ``OTEL_CONFIG_FILE``: the file's processors are added by the SDK, which would export spans that no step has
    seen. Returns nothing, and removes nothing, if the SDK keeps them elsewhere.
    """
    active = getattr(provider, "_active_span_processor", None)
    processors = getattr(active, "_span_processors", None)
    if active is None or not isinstance(processors, tuple):
        return ()
    active._span_processors = ()
    return processors
