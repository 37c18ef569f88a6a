"""Where an OpenTelemetry context holds what otelkit looks for."""

from __future__ import annotations

from typing import Final

from opentelemetry.baggage import set_baggage
from opentelemetry.context import Context, create_key
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

CALL_KEY: Final = create_key("otelkit-stage-call")
"""Where a context holds the stage call whose code runs in it."""

SPAN_KEY: Final = next(iter(set_span_in_context(INVALID_SPAN, Context())))
"""Where a context holds its span, asked of the API itself; knowing it, a context is built by one copy instead of two."""

BAGGAGE_KEY: Final = next(iter(set_baggage("k", "v", Context())))
"""Where a context holds its baggage, a dict; the API makes a new view of it for each look."""

NO_SCOPE: Final = Context()
"""What stands for the context of a call that has ended."""
