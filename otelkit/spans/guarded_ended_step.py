"""A step that takes ended spans as they are, behind its barrier."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from otelkit.model.traces import EndedSpanStep
from otelkit.spans import guarded_step
from otelkit.spans.ended import Ended, SdkEndedSpan, viewed
from otelkit.spans.guarded_step import GuardedStep
from otelkit.spans.light_span import LightSpan

if TYPE_CHECKING:
    from otelkit.model.blueprint import Offered
    from otelkit.model.steps import SpanStep


class GuardedEndedStep(GuardedStep[Ended]):
    """Runs an `EndedSpanStep` as `GuardedStep` runs others: a batch that it fails on goes on as it came."""

    def __init__(self, offered: Offered[SpanStep], step: EndedSpanStep) -> None:
        super().__init__(offered)
        self._ended_step = step
        self.sees_end = self._runs_out_of_time = True
        self.ticks = self._may_hold = any(
            getattr(type(step), method) is not getattr(EndedSpanStep, method) for method in ("due", "rest")
        )
        try:
            step.joined()
        except Exception as error:  # noqa: BLE001 - a stranger's step may raise anything
            self.barrier.fault(error, "joined")

    def on_end(self, batch: Sequence[Ended]) -> list[Ended]:
        """Return what the step makes of ended spans."""
        if self.barrier.off:
            return list(batch)
        self._remember_held()
        self._entered += len(batch)
        try:
            seen, unseen = viewed(batch)
            handed_on = self._checked(self._ended_step.on_ended(seen))
            handed_on += unseen
            self.barrier.success("on_ended")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's step may raise anything
            handed_on = list(batch)
            self.barrier.fault(error, "on_ended")
        self._left += len(handed_on)
        return handed_on

    def tick(self, now_ns: int) -> list[Ended]:
        """Return held spans that are due."""
        return self._released(lambda: self._ended_step.due(now_ns), "due")

    def _close(self, timeout_s: float) -> list[Ended]:
        # One that is switched off while the program runs has all the time there is.
        allowed_s = math.inf if self.barrier.off else timeout_s
        return self._released(lambda: self._ended_step.rest(allowed_s), "rest")

    def _checked(self, result: Any) -> list[Ended]:  # Any: a stranger's answer may be anything
        if isinstance(result, LightSpan | SdkEndedSpan) or not isinstance(result, Iterable):
            raise TypeError(f"expected a sequence of ended spans, got {type(result).__name__}")
        spans: list[Ended] = []
        # A list is finite, and in memory already.
        for each in result if isinstance(result, list) else islice(result, guarded_step.MOST_SPANS + 1):
            if type(each) is LightSpan:
                spans.append(each)
            elif type(each) is SdkEndedSpan:
                spans.append(each.span)
            else:
                raise TypeError(f"expected ended spans (EndedSpan), got {type(each).__name__}")
        if len(spans) > guarded_step.MOST_SPANS and not isinstance(result, list):
            raise ValueError(f"handed on more than {guarded_step.MOST_SPANS} spans at once")
        return spans
