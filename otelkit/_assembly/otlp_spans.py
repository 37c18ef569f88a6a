"""Spans on their way to an OTLP endpoint: written as bytes at once, sent by another thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.sdk.resources import Resource

from otelkit._assembly.encoders import span_encoder
from otelkit._otlp.encoded import Encode
from otelkit.delivery.otlp_writer import OtlpWriter
from otelkit.delivery.outgoing import Outgoing
from otelkit.model.calls import Outcome
from otelkit.model.signals import Account
from otelkit.spans.chain import Ended
from otelkit.spans.light_span import LightSpan

_ERROR: Final = Outcome.ERROR


class OtlpSpans:
    """Encodes ended spans and hands them to an `Outgoing`. A destination of `spans.Outbox`.

    Args:
        outgoing: Sends, retries and spools.
        account: Where spans that can't be written are counted.
        resource: Of this process.
    """

    def __init__(self, outgoing: Outgoing, account: Account, resource: Resource) -> None:
        self._writer = OtlpWriter("traces", outgoing, account, _encoder(resource))

    def in_child(self, resource: Resource) -> None:
        """Write this resource from now on."""
        self._writer.encode = _encoder(resource)

    def deliver(self, spans: Sequence[Ended]) -> None:
        """Write spans and have them sent; those that failed apart, since they are the last to go when memory gets short."""
        failed = [span for span in spans if _is_failure(span)]
        if failed:
            apart = set(map(id, failed))
            spans = [span for span in spans if id(span) not in apart]
        self._writer.write(spans, failed)

    # -- destination -----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Start the sending thread."""
        self._writer.outgoing.prepare()

    def exit_by(self, deadline: float, pending: Callable[[], int]) -> None:
        """Block no longer than ``deadline`` (`time.monotonic` seconds)."""
        self._writer.exit_by(deadline, pending)

    def force_flush(self, timeout_millis: int) -> bool:
        """Send what waits; False if that failed or took longer."""
        return self._writer.outgoing.flush(timeout_millis / 1000)

    def seal_from_now(self) -> None:
        """Keep what is written from now on safe until it is delivered."""
        self._writer.outgoing.sealing.begin()

    def seal(self, timeout_s: float) -> bool:
        """Keep what waits safe; False if it had to be sent for that, and was not."""
        return self._writer.outgoing.seal(timeout_s)

    def shutdown(self) -> None:
        """Send or spool what waits, and close connections."""
        self._writer.close()


def _encoder(resource: Resource) -> Encode:
    return span_encoder(resource.attributes, resource.schema_url)


def _is_failure(span: Ended) -> bool:
    # By the exact type: nobody subclasses it, and this is asked of every span.
    if type(span) is LightSpan:
        return span.outcome is _ERROR
    return not span.status.is_ok and not span.status.is_unset
