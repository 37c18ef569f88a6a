"""Spans on their way to an OTLP endpoint: written as bytes at once, sent by another thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from opentelemetry.sdk.resources import Resource

from otelkit.delivery.exporters import CLOSE_LIMIT_S
from otelkit.delivery.outgoing import Outgoing
from otelkit.model.calls import Outcome
from otelkit.model.signals import Account, Loss
from otelkit.spans.chain import Ended
from otelkit.spans.light_span import LightSpan
from otelkit.spans.otlp import SpanEncoder


class OtlpSpans:
    """Encodes ended spans and hands them to an `Outgoing`. A destination of `spans.Outbox`.

    Args:
        outgoing: Sends, retries and spools.
        account: Where spans that can't be written are counted.
        resource: Of this process.
    """

    def __init__(self, outgoing: Outgoing, account: Account, resource: Resource) -> None:
        self._outgoing = outgoing
        self._account = account
        self._deadline: float | None = None
        self.in_child(resource)

    def in_child(self, resource: Resource) -> None:
        """Write this resource from now on."""
        self._encoder = SpanEncoder(resource.attributes, resource.schema_url)

    def deliver(self, spans: Sequence[Ended]) -> None:
        """Write spans and have them sent; those that failed apart, since they are the last to go when memory gets short."""
        failed = [span for span in spans if _is_failure(span)]
        if failed:
            spans = [span for span in spans if not _is_failure(span)]
        body, count, left_out = self._encoder.encode(spans)
        error_body, error_count, errors_left_out = self._encoder.encode(failed) if failed else (b"", 0, 0)
        if left_out + errors_left_out:
            self._account.lost("traces", left_out + errors_left_out, Loss.ENCODE_FAILED)
        self._outgoing.put(body, count, error_body, error_count)

    # -- destination -----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Start the sending thread."""
        self._outgoing.prepare()

    def exit_by(self, deadline: float, pending: Callable[[], int]) -> None:
        """Block no longer than ``deadline`` (`time.monotonic` seconds)."""
        self._outgoing.exit_by(deadline, pending)
        self._deadline = deadline

    def force_flush(self, timeout_millis: int) -> bool:
        """Send what waits; False if that failed or took longer."""
        return self._outgoing.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send or spool what waits, and close connections."""
        left_s = CLOSE_LIMIT_S if self._deadline is None else max(0.05, self._deadline - time.monotonic())
        self._outgoing.close(left_s)


def _is_failure(span: Ended) -> bool:
    if isinstance(span, LightSpan):
        return span.outcome is Outcome.ERROR
    return not span.status.is_ok and not span.status.is_unset
