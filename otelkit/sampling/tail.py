"""Keep failed, slow and rare traces and a share of the others: decided when a trace has ended in this process."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from opentelemetry.trace import SpanKind, TraceState
from opentelemetry.util.types import Attributes

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit.model.calls import AttributeValue
from otelkit.model.sampling import KeptRoot
from otelkit.model.traces import Retention, TraceJudge
from otelkit.sampling import tracestate
from otelkit.sampling.like_parent import DecidesAtRoots
from otelkit.sampling.tail_step import TailStep
from otelkit.sampling.trace_buffer import BufferLimits

_log = logging.getLogger("otelkit.sampling")

_EVERYTHING: Final = tracestate.with_threshold(None, 0)


class OtelkitTail(DecidesAtRoots):
    """Lets every trace through that starts here, with ``th:0``, and decides at its end by ``step``.

    What goes out while a trace runs, to other processes, says that it is sampled with certainty, which is true for them: what
    becomes of it here is known later, and concerns only the spans of this process. A remote parent that is not sampled is
    believed; one that is sampled with a threshold of its own is a lower bound for ours.

    Implements `model.sampling.RootDecider` and `model.sampling.JudgingSampler`.

    Args:
        judge: Decides on the traces that have ended.
        limits: Of what is held until then.
        retention: Sees all of them; None: nobody does.
        clock: Says how long they are held.
    """

    root_state: TraceState | None = _EVERYTHING
    root_attributes: Mapping[str, AttributeValue] = MappingProxyType({})

    def __init__(
        self,
        judge: TraceJudge,
        limits: BufferLimits,
        *,
        retention: Retention | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.step = TailStep(judge, limits, _EVERYTHING, retention=retention, clock=clock)
        self._complained = False

    def keeps(self, trace_id: int) -> bool:
        """Return True: the step decides."""
        return True

    def kept_root(self, trace_id: int, name: str, kind: SpanKind, attributes: Attributes) -> KeptRoot:
        """Return what every trace carries until it is judged."""
        if not (self.step.is_joined or self._complained):
            self._complain()
        return self.root_state, self.root_attributes

    def _complain(self) -> None:
        # Never a silent 100 %.
        self._complained = True
        _log.error(
            "the sampler otelkit_tail decides when a trace has ended, but spans do not come by: otelkit is not what exports "
            "them. Every trace is kept. Start the program with `otelkit run` or `opentelemetry-instrument`, or call "
            "otelkit.configure()."
        )

    def get_description(self) -> str:
        """Return the sampler's name and its judge."""
        return f"OtelkitTail{{{self.step.judge}}}"
