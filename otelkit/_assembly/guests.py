"""The program's own span processors behind a provider of ours: flushed and shut down with us, and never waited for too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.sdk.trace import SpanProcessor

from otelkit._assembly.provider import Provider
from otelkit._drain import Drain
from otelkit._guard import Barrier
from otelkit.spans.light_spans import barrier_of

_NEVER_S: Final = 3600.0


class Guests:
    """Flushes and shuts down the span processors that the program has added to our provider, as the SDK does at its exit.

    They may block for as long as they like, so all of that happens on a thread of theirs. It is started with our own threads,
    if there is anybody by then. A destination of `spans.Outbox`, which tells it when to start and when to end.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._prepared = False
        self._deadline = 0.0
        self._barriers: dict[int, Barrier] = {}
        # Without items: for its errands alone.
        self._thread: Drain[None] = Drain("otelkit-guests", _nothing, limit=1, batch=1, delay_s=_NEVER_S)
        provider.tell_guests(self._admit)

    def flush(self, timeout_s: float) -> bool:
        """Have all of them send what they hold; False if one failed or that took longer."""
        if not self._provider.guests or self._thread.closed:
            return True
        deadline = time.monotonic() + timeout_s
        answers: list[bool] = []

        def flush() -> None:
            for guest in self._provider.guests:
                left_ms = int((deadline - time.monotonic()) * 1000)
                # Many return nothing, which is no failure.
                if left_ms <= 0 or self._tell(guest, "force_flush", left_ms) is False:
                    answers.append(False)

        return self._thread.call(flush, timeout_s) and all(answers)

    # -- destination -----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Start the thread, if there is anybody it is for."""
        self._prepared = True
        self._admit(self._provider.guests)

    def exit_by(self, deadline: float, pending: Callable[[], int]) -> None:
        """Begin to shut them down, beside what is done for our own spans; no longer waited for than ``deadline``."""
        self._deadline = deadline
        if self._provider.guests and not self._thread.closed and not self._provider.ended:
            self._thread.call(self._shut_down, 0.0)

    def force_flush(self, timeout_millis: int) -> bool:
        """Do nothing: whoever flushes the provider flushes them, too, and `flush` is for all others."""
        return True

    def seal(self, timeout_s: float) -> bool:
        """Do nothing: see `force_flush`."""
        return True

    def shutdown(self) -> None:
        """Wait until they are shut down, for half of the time that is left: logs and metrics come after them."""
        if self._provider.guests:
            self._thread.close(max(0.0, (self._deadline - time.monotonic()) / 2))

    # -- inside ----------------------------------------------------------------------------------------------------

    def _admit(self, guests: Sequence[SpanProcessor]) -> None:
        if guests and self._prepared:
            self._thread.wake()

    def _shut_down(self) -> None:
        if self._provider.ended:
            return
        self._provider.ended = True
        for guest in self._provider.guests:
            self._tell(guest, "shutdown")

    def _tell(self, guest: SpanProcessor, method: str, *arguments: int) -> object:
        """Return what it answers; False if it fails."""
        try:
            return getattr(guest, method)(*arguments)
        except Exception as fault:  # noqa: BLE001 - the program's own; it costs none of the others anything
            self._barriers.setdefault(id(guest), barrier_of(guest)).fault(fault, method)
            return False


def _nothing(items: list[None]) -> None:
    pass
