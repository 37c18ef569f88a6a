"""Keep about so many traces per second, whatever comes, and of each stage a fair share."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import Attributes

from otelkit import names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import in_forked_child
from otelkit.model.calls import AttributeValue, Stage
from otelkit.model.sampling import KeptRoot
from otelkit.model.sampling_figures import Figure
from otelkit.sampling import tracestate
from otelkit.sampling.controller import Controller
from otelkit.sampling.key_table import Entry, Key
from otelkit.sampling.like_parent import DecidesAtRoots
from otelkit.sampling.load import Load
from otelkit.sampling.state_file import read_state, write_state

_log = logging.getLogger("otelkit.sampling")

NAME: Final = "otelkit_adaptive"
_MASK: Final = tracestate.SCALE - 1
_REASON: Final = "adaptive"
_MOST_PER_S: Final = 1e12
"""A rate above it was not learnt: nobody starts so many traces."""


class OtelkitAdaptive(DecidesAtRoots):
    """Keeps about ``target_per_s`` of the traces that start here, decided where a trace starts; children do as their parent.

    The target is shared out among the keys (pipeline and stage with which a trace starts): those that come seldom are kept
    whole, the others get the same number of traces per second each. See `Controller` for how, and how fast.

    The decision is consistent (a trace is kept if its randomness R is at least the threshold T) and says its probability in
    ``tracestate``, always 1 / a whole number. A key whose probability is to be between 1 / k and 1 / (k + 1) gets these by
    turns, so that the throughput is met, and each trace tells the one that was its own.

    Implements `model.sampling.StageRootDecider`: a decision costs less than a microsecond, and what is learnt once per window
    about 2 µs per key, in the thread of whoever starts a trace then.

    Args:
        target_per_s: Traces to keep per second, above 0.
        max_keys: Keys told apart, 1 or more; the others share one place.
        window_s: How often rates are learnt, above 0.
        load: Halves the target while the process is overloaded; None: nothing does.
        state_path: Where learnt rates are remembered over a restart; None: nowhere.
        clock: Times arrivals.

    Raises:
        ValueError: A number is out of its range.
    """

    def __init__(
        self,
        target_per_s: float,
        *,
        max_keys: int = 1000,
        window_s: float = 10.0,
        load: Load | None = None,
        state_path: Path | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        for name, value in (("target_per_s", target_per_s), ("max_keys", max_keys), ("window_s", window_s)):
            if not 0 < value < float("inf"):  # also true for NaN
                raise ValueError(f"{name} is {value!r}; expected a number above 0")
        self._state_path = state_path
        self.controller = Controller(
            target_per_s,
            max_keys=max_keys,
            window_s=window_s,
            load=load or Load(1.0, {}),
            clock=clock,
            learnt=_learnt(state_path) if state_path is not None else None,
            reason=_REASON,
        )
        self._entries = self.controller.table.entries
        self._now_ns = clock.monotonic_ns
        in_forked_child(self._after_fork)

    def decide_root(self, trace_id: int, stage: Stage, pipeline: str, context: Context) -> KeptRoot | None:
        """Return what a kept trace carries, or None: it is not kept. Never waits."""
        return self._decide(trace_id, (pipeline, stage.name))

    def _decide(self, trace_id: int, key: Key) -> KeptRoot | None:
        controller = self.controller
        entry = self._entries.get(key)
        if entry is None:
            entry = controller.meet(key)
        # Before anything that depends on the trace: a probability follows from the past alone.
        entry.arrivals += 1
        if entry.arrivals >= entry.check_at or self._now_ns() >= controller.due_ns:
            controller.attend(entry)
        credit = entry.credit + entry.likelier_share
        if credit >= 1.0:
            credit -= 1.0
            odds = entry.likelier
        else:
            odds = entry.other
        entry.credit = credit
        if (trace_id & _MASK) < odds.threshold:
            return None
        entry.kept += 1
        return odds.kept

    def kept_root(self, trace_id: int, name: str, kind: SpanKind, attributes: Attributes) -> KeptRoot | None:
        """Return what a kept trace carries; None: it is not kept."""
        given = attributes or {}
        key = (str(given.get(names.PIPELINE_NAME, "")), str(given.get(names.STAGE_NAME, name)))
        return self._decide(trace_id, key)

    def get_description(self) -> str:
        """Return the sampler's name and target."""
        return f"OtelkitAdaptive{{{self.controller.target_per_s:g}/s}}"

    def figures(self) -> Iterator[Figure]:
        """Return decisions and probability of each key, and how far from the target the last window was."""
        for entry in self.controller.table:
            yield from _figures_of(entry)
        if self.controller.rolled:
            yield Figure(names.METRIC_SAMPLING_CONTROLLER_ERROR, self.controller.error, {})

    def close(self) -> None:
        """Remember what was learnt, if there is a path for it. Never raises."""
        path = self._state_path
        if path is not None:
            write_state(path, NAME, [[*key, per_s] for key, per_s in self.controller.learnt().items()])

    def _after_fork(self) -> None:
        # The parent's to write: a child has seen its own part only.
        self._state_path = None


def _figures_of(entry: Entry) -> Iterator[Figure]:
    if entry.arrivals:
        pipeline, stage = entry.key
        key = {names.PIPELINE_NAME: pipeline, names.STAGE_NAME: stage}
        kept = entry.kept
        for count, was_kept in ((kept, True), (max(0, entry.arrivals - kept), False)):
            # Without those that say nothing: a thousand keys are as many series as the SDK takes when each has two.
            if count:
                said: dict[str, AttributeValue] = {**key, names.SAMPLING_CLASS: _REASON, names.SAMPLING_KEPT: was_kept}
                yield Figure(names.METRIC_SAMPLING_DECISIONS, count, said)
        yield Figure(names.METRIC_SAMPLING_PROBABILITY, entry.probability, key)


def _learnt(path: Path) -> Mapping[Key, float]:
    """Return the rates that were written, without what makes no sense; that is named once in the log."""
    state = read_state(path, NAME)
    if state is None:
        return {}
    rates: dict[Key, float] = {}
    wrong: list[Any] = [] if isinstance(state, list) else [state]  # Any: JSON
    for row in state if isinstance(state, list) else ():
        match row:
            case [str(pipeline), str(stage), int() | float() as per_s] if (
                0 < per_s <= _MOST_PER_S and per_s is not True
            ):
                rates[pipeline, stage] = float(per_s)
            case _:
                wrong.append(row)
    if wrong:
        _log.error(
            "sampling_state_path names %s, in which the part of %s has what can't be used (%d), first %.200r; "
            "expected [pipeline, stage, traces per second]. It is ignored and learnt anew.", path, NAME, len(wrong), wrong[0],
        )  # fmt: skip
    return rates
