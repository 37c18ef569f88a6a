"""Where everything goes first that has ended: stage calls, and the spans of other instrumentations."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._drain import Drain
from otelkit._guard import in_forked_child
from otelkit.model.calls import StageCall
from otelkit.model.signals import Account, Loss
from otelkit.spans.chain import Chain, Ended
from otelkit.spans.light_span import LightSpan

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

_log = logging.getLogger("otelkit.spans")

_USERS_WAIT_S: Final = 0.005
"""Longest time that whoever ends a call waits for others who count."""
_OUR_WAIT_S: Final = 0.1
"""Longest time that a batch of spans waits for others who count."""
_PAUSE_S: Final = 1.0
"""How long nobody in the program waits any more once that was in vain."""
_MOST_DATED_BACK: Final = 4096
"""Spans of a forked child, open and dated back before the fork, that are known for its own."""


class Destination(Protocol):
    """What the outbox needs of an exporter that knows when the program ends (`otelkit.delivery`)."""

    def prepare(self) -> None:
        """Start threads now: the interpreter starts none when it shuts down."""

    def exit_by(self, deadline: float, pending: Callable[[], int]) -> None:
        """Block no longer than ``deadline`` (`time.monotonic` seconds), with ``pending()`` spans still to come."""

    def force_flush(self, timeout_millis: int) -> bool:
        """Send what is buffered; False if that failed."""

    def seal(self, timeout_s: float) -> bool:
        """Make what is buffered safe against the sudden end of this process; False if that failed."""

    def shutdown(self) -> None:
        """Close connections."""


class Outbox(SpanProcessor):
    """Takes ended stage calls and ended spans of a provider to those who count them, and sampled spans on to a `Chain`.

    `ended` and ``on_end`` only put what has ended into a bounded buffer, which one background thread empties in batches: first
    `settle` sees the calls, sampled or not, then the chain gets the sampled spans. ``on_start`` runs the chain's ``on_start``
    in the user's thread. Nothing here raises, and nothing waits longer than told. In a forked child
    the buffer is empty, the thread is the child's own, and spans that the parent had started are left to
    the parent: its copy of them ends there.

    Args:
        chain: Ours from here on.
        account: Where created and lost spans are counted.
        limit: Most calls and spans held in the buffer.
        batch: Most of them taken through the chain at once.
        delay_s: Longest time one waits in the buffer.
        help_at: When so many wait, whoever ends a call takes a batch through the chain itself, so that nothing is lost when
            calls are made faster than one thread can take them. Only where the chain and the destinations behind it never
            wait. None: never.
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
        help_at: int | None = None,
        exit_limit_s: float = 2.0,
        destinations: Sequence[Destination] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.chain = chain
        self.settle: Callable[[Sequence[StageCall]], None] = _nobody_counts
        """Counts ended calls, in batches."""
        self.look: Callable[[], None] = _nobody_looks
        """Looks at calls that run, about once a second, on the background thread; must not raise."""
        self._account = account
        self._exit_limit_s = exit_limit_s
        self._destinations = tuple(destinations)
        self._clock = clock
        self._deadline: float | None = None
        self._closed = False
        self._forked_at_ns = 0
        self._dated_back: deque[int] = deque(maxlen=_MOST_DATED_BACK)
        self._uncounted: deque[StageCall] = deque(maxlen=limit)
        """Ended calls that others are to count, since there was no time to wait for them."""
        self._forgets = False
        self._no_wait_before = 0.0
        # Reentrant: a finalizer that runs while calls are counted may end another one.
        self._counting = threading.RLock()
        self._drain: Drain[Ended | StageCall] = Drain(
            "otelkit-spans",
            self._run,
            limit=limit,
            batch=batch,
            delay_s=delay_s,
            tick=self._tick,
            relieve_at=help_at,
            refused=self._refuse,
            prepare=self._prepare,
        )
        # Straight to the buffer: this is asked at the end of every call of every stage.
        self.ended: Callable[[StageCall], object] = self._drain.put
        """Takes an ended stage call."""
        in_forked_child(self._after_fork)

    def _refuse(self, call: Ended | StageCall) -> None:
        reason = Loss.AFTER_SHUTDOWN if self._drain.closed else Loss.BUFFER_FULL
        if not isinstance(call, StageCall):
            self._account.lost("traces", 1, reason)
            return
        # Its span is lost; that it ran is counted all the same.
        if isinstance(call, LightSpan) and call.sampled:
            self._account.created("traces")
            self._account.lost("traces", 1, reason)
        # An observer of the program's may block for as long as it likes; not every call is to wait for that anew.
        now = time.monotonic()
        if not self._count((call,), _USERS_WAIT_S if now >= self._no_wait_before else 0.0):
            self._no_wait_before = now + _PAUSE_S

    def _count(self, calls: Sequence[StageCall], timeout_s: float) -> bool:
        """Have ``calls`` counted, and those that wait for it, oldest first; False if others count for all that time.

        Whoever counts next takes them then.
        """
        counting, uncounted = self._counting, self._uncounted
        if not counting.acquire(timeout=max(0.0, timeout_s)):
            if len(uncounted) + len(calls) > (uncounted.maxlen or 0) and not self._forgets:
                self._forgets = True
                _log.warning("some calls will not be counted: whoever looks at ended calls is too slow, or hangs")
            uncounted.extend(calls)
            return False
        try:
            if uncounted:
                calls = [*_taken(uncounted), *calls]
            if calls:
                self.settle(calls)
        finally:
            counting.release()
        return True

    def wake(self) -> None:
        """Start the background thread if there is none: a call has begun, which may run for long."""
        self._drain.wake()

    def settle_all(self, timeout_s: float) -> bool:
        """See to it that everything that has ended so far is counted; False if that took longer."""
        answers: list[bool] = []
        deadline = time.monotonic() + timeout_s

        def count() -> None:
            answers.append(not self._uncounted or self._count((), deadline - time.monotonic()))

        return self._drain.call(count, timeout_s) and all(answers)

    # -- SpanProcessor ---------------------------------------------------------------------------------------------

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Show the live span to the steps."""
        if self._forked_at_ns and span.context is not None and (span.start_time or 0) < self._forked_at_ns:
            # Started in this child all the same, by somebody who dates it back; see `_is_the_parents`.
            self._dated_back.append(span.context.span_id)
        self.chain.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Take an ended span; waits for 0.1 s at most, and only while more end than can be written."""
        context = span.context
        if context is None:
            return
        if self._forked_at_ns and self._is_the_parents(span, context.span_id):
            return
        if not context.trace_flags.sampled:
            return
        self._account.created("traces")
        self._drain.put(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send everything that has ended so far; False if some of it was not delivered, or not in time."""
        return self._tell_destinations(
            lambda destination, left_s: destination.force_flush(int(left_s * 1000)), timeout_millis / 1000
        )

    def seal(self, timeout_s: float) -> bool:
        """Have the destinations make everything that has ended so far safe; False if that failed, or not in time."""
        return self._tell_destinations(lambda destination, left_s: destination.seal(left_s), timeout_s)

    def _tell_destinations(self, tell: Callable[[Destination, float], bool], timeout_s: float) -> bool:
        """Take everything through the chain, then tell each destination, with the seconds that are left."""
        deadline = time.monotonic() + timeout_s
        answers: list[bool] = []

        def errand() -> None:
            with suppress_instrumentation():
                answers.append(self.chain.flush(max(0.0, deadline - time.monotonic())))
                for destination in self._destinations:
                    answers.append(tell(destination, max(0.0, deadline - time.monotonic())))

        return self._drain.call(errand, timeout_s) and all(answers)

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
        calls = [each for each in left if isinstance(each, StageCall)]
        spans = _spans_in(left)
        self._account.created("traces", _light_ones(spans))
        self._account.lost("traces", len(spans), Loss.EXIT_LIMIT)
        if calls or self._uncounted:
            self._count(calls, deadline - time.monotonic())

    # -- on the background thread ----------------------------------------------------------------------------------

    def _run(self, batch: list[Ended | StageCall]) -> None:
        spans = _spans_in(batch)
        self._account.created("traces", _light_ones(spans))
        # Steps and exporters may use instrumented libraries; what they do is not the program's work.
        with suppress_instrumentation():
            calls = [each for each in batch if isinstance(each, StageCall)]
            if calls or self._uncounted:
                self._count(calls, _OUR_WAIT_S)
            if spans:
                self.chain.run(spans)

    def _tick(self) -> None:
        with suppress_instrumentation():
            if self._uncounted:
                self._count((), _OUR_WAIT_S)
            self.chain.tick(self._clock.now_ns())
            self.look()

    # -- processes -------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        for destination in self._destinations:
            destination.prepare()

    def _after_fork(self) -> None:
        self._forked_at_ns = self._clock.now_ns()
        self._dated_back.clear()
        self._uncounted.clear()
        self._no_wait_before = 0.0
        self._counting = threading.RLock()
        self._deadline = None
        self.chain.after_fork()

    def _is_the_parents(self, span: ReadableSpan, span_id: int) -> bool:
        """Whether a span that ends in this child was started before the fork."""
        if (span.start_time or 0) >= self._forked_at_ns:
            return False
        # Not looked for first: while other threads change it, only the removal is safe.
        try:
            self._dated_back.remove(span_id)
        except ValueError:
            return True
        return False


def _taken(calls: deque[StageCall]) -> list[StageCall]:
    """Take all, while others may add some."""
    taken: list[StageCall] = []
    with suppress(IndexError):
        for _ in range(len(calls)):
            taken.append(calls.popleft())
    return taken


def _spans_in(batch: Sequence[Ended | StageCall]) -> list[Ended]:
    """Return what is to be exported: a stage call's own span if it is sampled, and all that are not ours."""
    spans: list[Ended] = []
    for each in batch:
        # By the exact type: nobody subclasses it, and `isinstance` with the API's abstract `Span` behind it is slow.
        if type(each) is LightSpan:
            if each.trace.sampled:
                spans.append(each)
        elif not isinstance(each, StageCall):
            spans.append(each)
    return spans


def _light_ones(spans: Sequence[Ended]) -> int:
    """Return how many are stage calls: their spans are counted as created in batches, others one by one as they end."""
    return sum([type(each) is LightSpan for each in spans])


def _nobody_counts(calls: Sequence[StageCall]) -> None:
    pass


def _nobody_looks() -> None:
    pass
