"""Our tracer provider: the SDK's, which also says who else looks at spans."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider


class Provider(TracerProvider):
    """A `TracerProvider` that remembers the span processors it was given, since the spans of stages are not made by it."""

    guests: tuple[SpanProcessor, ...] = ()
    """All span processors besides our own."""
    ended = False
    """Whether they have been shut down."""
    _told: tuple[Callable[[Sequence[SpanProcessor]], None], ...] = ()

    def tell_guests(self, told: Callable[[Sequence[SpanProcessor]], None]) -> None:
        """Tell ``told`` of all span processors besides our own: now, and again whenever there is another one."""
        self._told = (*self._told, told)
        told(self.guests)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Add a processor of the program's: it sees the spans of stages, too."""
        super().add_span_processor(span_processor)
        self.guests = (*self.guests, span_processor)
        for told in self._told:
            told(self.guests)

    def add_own(self, span_processor: SpanProcessor) -> None:
        """Add our own processor, which gets the spans of stages by another way."""
        super().add_span_processor(span_processor)

    def shutdown(self) -> None:
        """Shut down all of them, ours too, as the program asks for."""
        self.ended = True
        super().shutdown()
