"""The chain of steps that every ended span passes on its way to the exporters."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import Barrier
from otelkit.model.blueprint import Offered
from otelkit.model.signals import Account, Loss
from otelkit.model.steps import SpanStep
from otelkit.model.traces import EndedSpanStep
from otelkit.spans.ended import Ended as Ended
from otelkit.spans.ended import end_of, readable_spans, span_id_of
from otelkit.spans.guarded_ended_step import GuardedEndedStep
from otelkit.spans.guarded_step import GuardedStep

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from otelkit.spans.light_span import LightSpan

_log = logging.getLogger("otelkit.spans")


class Chain:
    """Takes ended spans through the steps, in the order given, then hands them to ``deliver``.

    Each step runs behind a `Barrier`: one that raises or returns rubbish is counted and the span goes on without it; after
    ten faults in a row the step is switched off, what it held is handed on, and spans pass it by.
    Steps of later phases see what the earlier ones made, so JUDGE and EXPORT see what REDACT steps, if there are
    any, left. Only ``on_start`` shows every step the live span with its raw values: stock span processors need it.

    ``on_start`` may be called from any thread. Everything else is called from one thread at a time, which `Outbox`
    sees to. Nothing here raises.

    Args:
        steps: In the order in which spans pass them.
        deliver: Sends spans on and accounts for them as delivered, spooled or lost. It gets every span that leaves the
            last step, in batches of any size. If it raises, its batch counts as lost.
        clock: Its wall clock dates the fork of a child.
        account: Where spans that steps leave out, make or fail to give back are counted; None: nowhere.
    """

    def __init__(
        self,
        steps: Sequence[Offered[SpanStep]],
        deliver: Callable[[Sequence[Ended]], None],
        clock: Clock = SYSTEM_CLOCK,
        *,
        account: Account | None = None,
    ) -> None:
        self._steps: tuple[GuardedStep[Any], ...] = tuple(map(_guarded, steps))  # Any: what the step takes
        self._starters = tuple(step for step in self._steps if step.sees_start)
        self.stage_starters = tuple(step for step in self._starters if step.step.stage_spans)
        """Steps that look at the spans of stages as they start."""
        self._ending = tuple(step for step in self._steps if step.sees_end)
        self.may_wait = any(not _is_quick(step) for step in self._ending)
        """Whether a step that looks at ended spans may wait for something. Our own that take them as they are never do."""
        self._deliver = deliver
        self._clock = clock
        self._account = account
        self._forked_at_ns: int | None = None

    @property
    def barriers(self) -> Mapping[str, Barrier]:
        """Name of each step -> its barrier: faults so far, the last cause, whether it is switched off."""
        return {step.name: step.barrier for step in self._steps}

    def on_start(self, span: Span, parent: Context | None) -> None:
        """Show a live span to the steps, in the user's thread."""
        for step in self._starters:
            if not step.off:
                step.on_start(span, parent)

    def on_stage_start(self, span: LightSpan, parent: Context) -> None:
        """Show the live span of a stage to the steps that look at those, in the user's thread."""
        for step in self.stage_starters:
            if not step.off:
                # Any span of the API, with what a ReadableSpan can be asked.
                step.on_start(span, parent)  # type: ignore[arg-type]

    def run(self, batch: Sequence[Ended]) -> None:
        """Take ended spans through all steps and deliver what comes out.

        A stage's own span becomes one of the SDK only for a step that takes none other.
        """
        self._pass_on(batch, 0)

    def tick(self, now_ns: int) -> None:
        """Take held spans that are due by age through the rest of the steps. ``now_ns``: Unix nanoseconds."""
        for position, step in enumerate(self._ending):
            if step.ticks and not step.off:
                released = self._ours(step, step.tick(now_ns), ())
                self._settle(step)
                self._pass_on(released, position + 1)

    def flush(self, timeout_s: float) -> bool:
        """Flush what steps send elsewhere themselves; False if one failed or the time was over."""
        deadline = time.monotonic() + timeout_s
        flushed = [step.flush(max(0.0, deadline - time.monotonic())) for step in self._steps if not step.off]
        return all(flushed) and time.monotonic() <= deadline

    def close(self, timeout_s: float) -> None:
        """Deliver what steps still hold, then close them, first to last. Steps are told how much of the time is left."""
        deadline = time.monotonic() + timeout_s
        position = 0
        for step in self._steps:
            position += step.sees_end
            self._pass_on(self._recover(step, max(0.0, deadline - time.monotonic())), position)

    def after_fork(self) -> None:
        """Start anew in a forked child: spans that steps held at that moment are the parent's."""
        self._forked_at_ns = self._clock.now_ns()
        for step in self._steps:
            step.after_fork()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _pass_on(self, spans: Sequence[Ended], position: int) -> None:
        """Take ``spans`` through the steps that look at ended spans, from ``position`` on, then deliver them."""
        if not spans:
            return
        for step in self._ending[position:]:
            if not (step.off or isinstance(step, GuardedEndedStep)):
                spans = readable_spans(spans, self._account)
            came = spans
            made: Sequence[Ended] = came if step.off else step.on_end(came)
            if step.off:
                # What it held came before these.
                made = [*self._recover(step, 0.0), *made]
            spans = self._ours(step, made, came)
            self._settle(step)
            if not spans:
                return
        self._hand_over(spans)

    def _hand_over(self, spans: Sequence[Ended]) -> None:
        try:
            self._deliver(spans)
        except Exception:  # noqa: BLE001 - whatever it is, the program goes on
            _log.exception("a batch of %d spans could not be delivered", len(spans))
            if self._account is not None:
                self._account.lost("traces", len(spans), Loss.EXPORT_FAILED)

    def _recover(self, step: GuardedStep[Any], timeout_s: float) -> Sequence[Ended]:
        spans, kept = step.close(timeout_s)
        if kept and self._account is not None:
            self._account.lost("traces", kept, Loss.STEP_FAILED if step.failed_to_close else Loss.EXIT_LIMIT)
        ours = self._ours(step, spans, ())
        self._settle(step)
        return ours

    def _settle(self, step: GuardedStep[Any]) -> None:
        left_out = step.settle()
        if left_out and self._account is not None:
            if left_out > 0:
                self._account.dropped("traces", left_out)
            else:
                self._account.created("traces", -left_out)

    def _ours(self, step: GuardedStep[Any], spans: Sequence[Ended], came: Sequence[Ended]) -> Sequence[Ended]:
        """In a forked child, leave out spans that the step had held since before the fork: the parent sends them."""
        forked_at_ns = self._forked_at_ns
        if forked_at_ns is None or spans is came:
            return spans
        # A span that came in just now is ours, even if its user dated its end back.
        known = {span_id_of(span) for span in came}
        ours = [span for span in spans if (end_of(span) or forked_at_ns) >= forked_at_ns or span_id_of(span) in known]
        if len(ours) < len(spans):
            step.disown(len(spans) - len(ours))
        return ours


def _guarded(offered: Offered[SpanStep]) -> GuardedStep[Any]:  # Any: what the step takes
    step = offered.value
    if isinstance(step, EndedSpanStep):
        return GuardedEndedStep(offered, step)
    return GuardedStep(offered)


def _is_quick(step: GuardedStep[Any]) -> bool:  # Any: what the step takes
    return isinstance(step, GuardedEndedStep) and step.barrier.distribution is None
