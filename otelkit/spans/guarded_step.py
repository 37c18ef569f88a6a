"""One step behind its barrier, and the account of what went in and what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from opentelemetry.sdk.trace import ReadableSpan

from otelkit._guard import Barrier
from otelkit.model.blueprint import Offered
from otelkit.model.steps import Phase, SpanStep

S = TypeVar("S")

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

ON_START_LIMIT_S: Final = 0.1
"""An ``on_start`` that takes this long keeps the user's thread waiting, which is a fault."""

MOST_SPANS: Final = 1_000_000
"""Most spans a step may hand on at once; a generator that never ends would otherwise take the memory of the host."""


class GuardedStep(Generic[S]):
    """Runs one step so that nothing it does is felt outside: faults are counted, and the span goes on unchanged.

    ``S`` is what it takes: spans of the SDK here, ended spans as they are in `GuardedEndedStep`.

    ``on_start`` may be called from any thread; everything else from one thread at a time.
    """

    def __init__(self, offered: Offered[SpanStep]) -> None:
        step = offered.value
        self.step = step
        self.name = step.name
        self.barrier = Barrier(f"step {step.name}", offered.distribution)
        self.sees_start = _overrides(step, "on_start")
        self.ticks = _overrides(step, "tick")
        self.sees_end = self.ticks or any(_overrides(step, method) for method in ("on_end", "close", "held"))
        self._witness = step.phase is Phase.WITNESS
        self._may_hold = self.ticks or _overrides(step, "close")
        self._tells_held = _overrides(step, "held")
        self._runs_out_of_time = False
        """Whether what it goes on holding when it is closed is lost; else that was left out on purpose."""
        self.failed_to_close = False
        self._drained = False
        self.start_over()

    def start_over(self) -> None:
        """Forget what went through, for a forked child."""
        self._entered = 0
        self._left = 0
        self._of_parent: int | None = None

    @property
    def off(self) -> bool:
        """Whether spans pass the step by."""
        return self.barrier.off

    def on_start(self, span: Span, parent: Context | None) -> None:
        """Show the step a live span, in the user's thread."""
        started = time.perf_counter()
        try:
            self.step.on_start(span, parent)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's step may raise anything
            self.barrier.fault(error, "on_start")
            return
        took_s = time.perf_counter() - started
        # Ours are known to be quick: such a wait is the machine's, which ran other threads meanwhile.
        if took_s >= ON_START_LIMIT_S and self.barrier.distribution is not None:
            self.barrier.fault(TimeoutError(f"kept the program waiting for {took_s:.2f} s"), "on_start")
        else:
            self.barrier.success("on_start")

    def on_end(self, batch: Sequence[S]) -> list[S]:
        """Return what the step makes of ended spans; a span it fails on is returned as it was."""
        handed_on: list[S] = []
        on_end: Callable[[Any], Any] = self.step.on_end  # Any: S is what the step takes
        barrier = self.barrier
        for span in batch:
            if barrier.off:
                handed_on.append(span)
                continue
            self._remember_held()
            self._entered += 1
            try:
                result = on_end(span)
                # By far the most common answer, and not worth a copy.
                if type(result) is tuple and len(result) == 1 and result[0] is span:
                    handed_on.append(span)
                    self._left += 1
                else:
                    spans = self._checked(result)
                    if self._witness and not (len(spans) == 1 and spans[0] is span):
                        raise TypeError("a step of the phase WITNESS returned something else than its span")
                    handed_on += spans
                    self._left += len(spans)
                barrier.success("on_end")
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's step may raise anything
                handed_on.append(span)
                self._left += 1
                barrier.fault(error, "on_end")
        return handed_on

    def tick(self, now_ns: int) -> list[S]:
        """Return held spans that are due."""
        return self._released(lambda: self.step.tick(now_ns), "tick")

    def close(self, timeout_s: float) -> tuple[list[S], int]:
        """Return what the step still holds, and how many held spans it did not return. Then it is asked no more."""
        if self._drained:
            return [], 0
        faults = self.barrier.faults
        spans = self._close(timeout_s)
        self.failed_to_close = self.barrier.faults > faults
        # Asked before `_drained`, which makes everything not returned "left out on purpose".
        kept = max(0, self._held_of_ours()) if self.failed_to_close or self._runs_out_of_time else 0
        self._drained = True
        self._left += kept
        return spans, kept

    def flush(self, timeout_s: float) -> bool:
        """Flush what the step sends elsewhere; False if that failed."""
        try:
            flushed = self.step.flush(timeout_s) is not False
            self.barrier.success("flush")
            return flushed
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's step may raise anything
            self.barrier.fault(error, "flush")
            return False

    def after_fork(self) -> None:
        """Let the step forget what is the parent's."""
        self.start_over()
        try:
            self.step.after_fork()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's step may raise anything
            self.barrier.fault(error, "after_fork")

    def disown(self, count: int) -> None:
        """Take ``count`` of the spans just handed on as the parent's: they never entered in this process."""
        self._left -= count
        self._of_parent = max(0, (self._of_parent or 0) - count)

    def settle(self) -> int:
        """Return how many spans the step left out since the last call; negative if it made some.

        Counted is what went in, less what was handed on, less what is held.
        """
        left_out = self._entered - self._left - self._held_of_ours()
        self._left += left_out
        return left_out

    # -- what a kind of step differs in ----------------------------------------------------------------------------

    def _close(self, timeout_s: float) -> list[S]:
        return self._released(lambda: self.step.close(timeout_s), "close")

    def _checked(self, result: Any) -> list[S]:  # Any: a stranger's answer may be anything
        """Return a step's answer as a list, or raise TypeError saying what was expected."""
        if isinstance(result, ReadableSpan) or not isinstance(result, Iterable):
            raise TypeError(f"expected an iterable of spans, got {type(result).__name__}")
        spans = list(islice(result, MOST_SPANS + 1))
        if len(spans) > MOST_SPANS:
            raise ValueError(f"handed on more than {MOST_SPANS} spans at once")
        for span in spans:
            if not isinstance(span, ReadableSpan):
                raise TypeError(f"expected ended spans (ReadableSpan), got {type(span).__name__}")
        return spans

    # -- inside ----------------------------------------------------------------------------------------------------

    def _held_of_ours(self) -> int:
        """Return how many spans of this process the step holds."""
        if self._drained:
            return 0
        if self._tells_held:
            return self._ask_held() - (self._of_parent or 0)
        # If it does not say, everything that has not come out is held.
        return self._entered - self._left if self._may_hold else 0

    def _ask_held(self) -> int:
        try:
            held = max(0, int(self.step.held()))
            self.barrier.success("held")
            return held
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's step may raise anything
            self.barrier.fault(error, "held")
            return self._entered - self._left + (self._of_parent or 0)

    def _remember_held(self) -> None:
        """Take what the step holds before the first span as not ours: in a forked child it is the parent's."""
        if self._of_parent is None:
            self._of_parent = self._ask_held() if self._tells_held else 0

    def _released(self, ask: Callable[[], Iterable[Any]], doing: str) -> list[S]:  # Any: a stranger's answer
        self._remember_held()
        try:
            spans = self._checked(ask())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's step may raise anything
            self.barrier.fault(error, doing)
            return []
        self.barrier.success(doing)
        self._left += len(spans)
        return spans


def _overrides(step: SpanStep, method: str) -> bool:
    return getattr(type(step), method, None) is not getattr(SpanStep, method) or method in vars(step)
