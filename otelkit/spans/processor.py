"""Where spans of the SDK enter the chain."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from otelkit._bounded import Drain
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import in_forked_child
from otelkit.model.signals import Account, Loss
from otelkit.spans.chain import Chain

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span


class Destination(Protocol):
    """What the processor needs of an exporter that knows when the program ends (`otelkit.delivery`)."""

    def prepare(self) -> None:
        """Start threads now: the interpreter starts none when it shuts down."""

    def exit_by(self, deadline: float, pending: Callable[[], int]) -> None:
        """Block no longer than ``deadline`` (`time.monotonic` seconds), with ``pending()`` spans still to come."""

    def force_flush(self, timeout_millis: int) -> bool:
        """Send what is buffered; False if that failed."""

    def shutdown(self) -> None:
        """Close connections."""


class ChainProcessor(SpanProcessor):
    """Takes every sampled span of a provider, ours or another instrumentation's, to a `Chain` on one background thread.

    ``on_start`` runs the chain's ``on_start`` in the user's thread; ``on_end`` only puts the span into a bounded buffer:
    a full buffer refuses the new span, which is counted as lost. Nothing here raises, and nothing waits longer than told.
    In a forked child the buffer is empty, the thread is the child's own, and spans that the parent had started are left to
    the parent: its copy of them ends there.

    Args:
        chain: Ours from here on.
        account: Where created and lost spans are counted.
        limit: Most spans held in the buffer.
        batch: Most spans taken through the chain at once.
        delay_s: Longest time a span waits in the buffer.
        exit_limit_s: Longest time `shutdown` takes.
        destinations: The exporters behind the chain, told when the program ends and closed after it.
        clock: Its wall clock dates ticks and the fork of a child.
    """

    def __init__(
        self,
        chain: Chain,
        account: Account,
        *,
        limit: int,
        batch: int,
        delay_s: float,
        exit_limit_s: float = 2.0,
        destinations: Sequence[Destination] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.chain = chain
        self._account = account
        self._exit_limit_s = exit_limit_s
        self._destinations = tuple(destinations)
        self._clock = clock
        self._deadline: float | None = None
        self._closed = False
        self._forked_at_ns = 0
        self._dated_back: set[int] = set()
        self._drain: Drain[ReadableSpan] = Drain(
            "otelkit-spans",
            self._run,
            limit=limit,
            batch=batch,
            delay_s=delay_s,
            tick=self._tick,
            prepare=self._prepare,
        )
        in_forked_child(self._after_fork)

    # -- SpanProcessor ---------------------------------------------------------------------------------------------

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Show the live span to the steps."""
        if self._forked_at_ns and span.context is not None and (span.start_time or 0) < self._forked_at_ns:
            # Started in this child all the same, by somebody who dates it back; see `_is_the_parents`.
            self._dated_back.add(span.context.span_id)
        self.chain.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Take an ended span; never blocks."""
        context = span.context
        if context is None:
            return
        if self._forked_at_ns and self._is_the_parents(span, context.span_id):
            return
        if not context.trace_flags.sampled:
            return
        self._account.created("traces")
        if not self._drain.put(span):
            self._account.lost("traces", 1, Loss.AFTER_SHUTDOWN if self._drain.closed else Loss.BUFFER_FULL)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send everything that has ended so far; False if some of it was not delivered, or not in time."""
        deadline = time.monotonic() + timeout_millis / 1000
        answers: list[bool] = []

        def flush() -> None:
            with suppress_instrumentation():
                answers.append(self.chain.flush(max(0.0, deadline - time.monotonic())))
                for destination in self._destinations:
                    left_ms = max(0, int((deadline - time.monotonic()) * 1000))
                    answers.append(destination.force_flush(left_ms))

        return self._drain.call(flush, timeout_millis / 1000) and all(answers)

    def exit_by(self, deadline: float) -> None:
        """Make `shutdown` and everything before it end by ``deadline`` (`time.monotonic` seconds)."""
        self._deadline = deadline
        for destination in self._destinations:
            destination.exit_by(deadline, self._drain.__len__)

    def shutdown(self) -> None:
        """Deliver or spool what is left, and close the steps and the exporters, within the exit limit.

        Spans that there was no time to take through the chain are counted as lost: unredacted, they may not be spooled.
        """
        if self._closed:
            return
        self._closed = True
        if self._deadline is None:
            self.exit_by(time.monotonic() + self._exit_limit_s)
        deadline = self._deadline or 0.0

        def finish() -> None:
            with suppress_instrumentation():
                self.chain.close(max(0.0, deadline - time.monotonic()))
                for destination in self._destinations:
                    destination.shutdown()

        left = self._drain.close(max(0.0, deadline - time.monotonic()), finish)
        self._account.lost("traces", len(left), Loss.EXIT_LIMIT)

    # -- on the background thread ----------------------------------------------------------------------------------

    def _run(self, batch: list[ReadableSpan]) -> None:
        # Steps and exporters may use instrumented libraries; what they do is not the program's work.
        with suppress_instrumentation():
            self.chain.run(batch)

    def _tick(self) -> None:
        with suppress_instrumentation():
            self.chain.tick(self._clock.now_ns())

    # -- processes -------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        for destination in self._destinations:
            destination.prepare()

    def _after_fork(self) -> None:
        self._forked_at_ns = self._clock.now_ns()
        self._dated_back = set()
        self._deadline = None
        self.chain.after_fork()

    def _is_the_parents(self, span: ReadableSpan, span_id: int) -> bool:
        """Whether a span that ends in this child was started before the fork."""
        if (span.start_time or 0) >= self._forked_at_ns:
            return False
        if span_id in self._dated_back:
            self._dated_back.discard(span_id)
            return False
        return True
