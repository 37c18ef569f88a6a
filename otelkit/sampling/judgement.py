"""Decides at a trace's end what becomes of it: errors, the slow and the rare first, and a fair share of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from otelkit import names
from otelkit._guard import in_forked_child
from otelkit.model.sampling_figures import Figure
from otelkit.model.traces import FragmentEnd, TraceSummary, Verdict
from otelkit.sampling.budgets import Budget
from otelkit.sampling.classes import KeepPolicy, TraceClass
from otelkit.sampling.decisions import DecisionBook
from otelkit.sampling.fingerprints import Sightings
from otelkit.sampling.slowness import Slowness
from otelkit.sampling.tracestate import SCALE, threshold_for
from otelkit.sampling.window_budget import WindowBudget

_ROOT: Final = FragmentEnd.ROOT
_UNFINISHED: Final = (FragmentEnd.AGE, FragmentEnd.PRESSURE)
_NAMES: Final = {kind: kind.value for kind in TraceClass}
_NORMAL: Final = TraceClass.NORMAL
_MOST_VERDICTS: Final = 1000
_PREFERENCE: Final = {TraceClass.ERROR: 1000.0, TraceClass.RARE: 1000.0, TraceClass.SLOW: 10.0, TraceClass.NORMAL: 1.0}
"""In the exact budget, how much rather a trace of a class is kept than a normal one."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A trace that waits for the end of its window."""

    trace: TraceSummary
    kind: TraceClass
    weight: float


class Judge:
    """Implements `model.traces.TraceJudge` and `YieldingJudge`. It does no I/O and knows no spans.

    The class of a trace gives its probability p, its threshold is T = (1 - p) · 2⁵⁶, and it is kept iff R >= T and whoever
    decided before us kept it. The class, and what makes p, follow from what the trace is like and from what came before it,
    never from R: so the counts that kept traces stand for are true, class by class.

    A failed trace is kept with certainty if it is the first of its error (`model.traces.Fingerprint`) in a window, however many
    come: its ``th`` is 0, since it would have been kept with any R, and it counts as one. The others of the storm count for
    the rest.

    With ``budget_per_window`` most verdicts stay open until the window is over (`WindowBudget`). A forked child may end at any
    moment, without a word: in it the budgets per second hold, and no verdict is ever open.

    Args:
        policy: The settings.
        normal_factor: Scales the probability of normal traces: 0.5 while the process is short of CPU; asked for each of them.
    """

    def __init__(self, policy: KeepPolicy, normal_factor: Callable[[], float] | None = None) -> None:
        self.policy = policy
        self._normal_factor = normal_factor
        self._slowness = Slowness(policy.slow_quantile, policy.slow_threshold_ns, policy.max_keys)
        self._keys = Sightings(policy.rare_window_ns, policy.max_keys, again=False)
        self._errors = Sightings(policy.window_ns, policy.max_keys, again=True)
        self._begin(exact=policy.budget_per_window > 0)
        self._verdicts: dict[tuple[bool, int, str], Verdict] = {}
        self.book = DecisionBook()
        in_forked_child(self._in_child)

    def _begin(self, *, exact: bool) -> None:
        policy = self.policy
        self._budgets = {
            kind: Budget(allowed.ratio, 0.0 if exact else allowed.per_s, policy.max_keys)
            for kind in TraceClass
            for allowed in (policy.allowance(kind),)
        }
        self._window = WindowBudget[_Candidate](policy.budget_per_window) if exact else None
        self._window_began_ns: int | None = None
        self._ready: list[tuple[TraceSummary, Verdict]] = []

    def _in_child(self) -> None:
        # What waits is the parent's. And a child may end at any moment, so that nothing can wait for a window's end in it.
        self._begin(exact=False)

    def __str__(self) -> str:
        """Return how much of which class is kept, for people."""
        allowed = [f"{kind.value} {self.policy.allowance(kind)}" for kind in TraceClass]
        if self.policy.budget_per_window:
            allowed.append(f"{self.policy.budget_per_window} per {self.policy.window_ns / 1e9:g} s")
        return ", ".join(allowed)

    def judge(self, trace: TraceSummary, now_ns: int) -> Verdict | None:
        """Return whether the fragment is kept; None: that is open until its window is over."""
        kind, certain = self._classify(trace, now_ns)
        if trace.forced or trace.parent_threshold is None:
            reason = "debug" if trace.forced else "parent"
            self.book.count(reason, trace.pipeline, trace.stage, kept=True)
            return Verdict(True, trace.parent_threshold, reason, _rate(trace.parent_threshold or 0))
        share = self._probability(kind, trace, now_ns, certain=certain)
        if self._window is not None:
            return self._offer(self._window, _Candidate(trace, kind, share), now_ns)
        self.book.probability(_NAMES[kind], share, now_ns)
        return self._decided(trace, kind, threshold_for(share))

    def decided(self, now_ns: int, *, at_once: bool = False) -> Sequence[tuple[TraceSummary, Verdict]]:
        """Return the verdicts that were open, of those for whom the window is over or who are out already.

        ``at_once`` ends the window early, and another one begins: its budget is then spent on less time.
        """
        if self._window is not None:
            self._end_window(self._window, now_ns, at_once=at_once)
        ready, self._ready = self._ready, []
        return ready

    def relieve(self, now_ns: int) -> Sequence[tuple[TraceSummary, Verdict]]:
        """Return the verdicts that are ready, or else let half of those go that would have been kept in this window.

        Fewer are kept of the window then, with a threshold that is true for so many; never more than the budget.
        """
        if self._window is not None and not self._ready:
            self._ready += [self._left_out(self._window, out) for out in self._window.shrink()]
        ready, self._ready = self._ready, []
        return ready

    def figures(self) -> Iterator[Figure]:
        """Yield decisions and probabilities, and how far the classes are from their budgets while those are short."""
        yield from self.book.figures()
        for kind, budget in list(self._budgets.items()):
            error = budget.error
            if error is not None:
                yield Figure(names.METRIC_SAMPLING_CONTROLLER_ERROR, error, {names.SAMPLING_CLASS: kind.value})

    def learnt(self) -> dict[str, object]:
        """Return what was learnt, as JSON can say it: what is slow, and what was seen lately."""
        return {"durations": self._slowness.learnt(), "seen": self._keys.remembered()}

    def remember(self, learnt: Any) -> None:  # Any: JSON
        """Go on from what `learnt` has returned.

        Raises:
            ValueError, TypeError, KeyError: It is none of that; nothing has changed then, or only part of it is known.
        """
        self._slowness.remember(learnt["durations"])
        # The oldest come first: where there is room for fewer now, they are left out.
        for kind, seen_ns in learnt["seen"][-self.policy.max_keys :]:
            pipeline, stage = kind
            self._keys.is_first((str(pipeline), str(stage)), int(seen_ns))

    # -- the class and its probability -----------------------------------------------------------------------------

    def _classify(self, trace: TraceSummary, now_ns: int) -> tuple[TraceClass, bool]:
        """Return the class, and whether the trace is kept with certainty; remember the trace."""
        key = (trace.pipeline, trace.stage)
        # Only of local roots: a part of a trace has a stage at its top that no trace of its own may ever start with.
        whole = trace.end is _ROOT
        rare = whole and self._keys.is_first(key, now_ns)
        if trace.failed:
            # All of them, since each one seen counts as seen.
            firsts = [self._errors.is_first(fingerprint, now_ns) for fingerprint in trace.fingerprints or (key,)]
            return TraceClass.ERROR, any(firsts)
        slow = self._slowness.is_slow(key, trace.duration_ns)
        if whole:
            # What was cut short, or failed early, says nothing about how long such traces take.
            self._slowness.learn(key, trace.duration_ns)
        if rare:
            return TraceClass.RARE, False
        return (TraceClass.SLOW if slow else _NORMAL), False

    def _probability(self, kind: TraceClass, trace: TraceSummary, now_ns: int, *, certain: bool) -> float:
        # The first of its errors: the innermost, where it came up.
        shares_with = trace.fingerprints[0] if trace.fingerprints else (trace.pipeline, trace.stage)
        certain = certain and self.policy.error.ratio > 0
        share = self._budgets[kind].probability(shares_with, now_ns, certain=certain)
        if kind is _NORMAL and self._normal_factor is not None and share:
            factor = self._normal_factor()
            if factor < 1:
                # Chosen by us, so that it is a whole 1 / k.
                return 1 / max(1, round(1 / (share * factor))) if factor > 0 else 0.0
        return share

    def _decided(self, trace: TraceSummary, kind: TraceClass, threshold: int) -> Verdict:
        if trace.parent_threshold:
            threshold = max(threshold, trace.parent_threshold)
        keep = trace.randomness >= threshold
        reason = _NAMES[kind]
        self.book.count(reason, trace.pipeline, trace.stage, kept=keep)
        if kind is _NORMAL:
            if trace.end in _UNFINISHED:
                reason = "evicted"
            elif self._window is not None:
                reason = "budget"
        # Most verdicts are like others, and it takes as long to make one as to find it out.
        alike = (keep, threshold, reason)
        verdict = self._verdicts.get(alike)
        if verdict is None:
            if len(self._verdicts) >= _MOST_VERDICTS:
                self._verdicts.clear()
            verdict = self._verdicts[alike] = Verdict(keep, threshold, reason, _rate(threshold))
        return verdict

    # -- the exact budget ------------------------------------------------------------------------------------------

    def _offer(self, window: WindowBudget[_Candidate], candidate: _Candidate, now_ns: int) -> Verdict | None:
        trace = candidate.trace
        self._end_window(window, now_ns)
        if trace.randomness < max(threshold_for(candidate.weight), trace.parent_threshold or 0):
            return self._decided(trace, candidate.kind, threshold_for(candidate.weight))
        out = window.offer(candidate, trace.randomness, candidate.weight * _PREFERENCE[candidate.kind])
        if out is None:
            return None
        left_out = self._left_out(window, out)
        if out is candidate:
            return left_out[1]
        self._ready.append(left_out)
        return None

    def _left_out(self, window: WindowBudget[_Candidate], out: _Candidate) -> tuple[TraceSummary, Verdict]:
        # The window's threshold can only rise until it is over: whoever is below it now stays out.
        threshold = max(window.threshold(out.weight * _PREFERENCE[out.kind]), out.trace.randomness + 1)
        return out.trace, self._decided(out.trace, out.kind, threshold)

    def _end_window(self, window: WindowBudget[_Candidate], now_ns: int, *, at_once: bool = False) -> None:
        length_ns = self.policy.window_ns
        began_ns = self._window_began_ns
        if began_ns is None:
            self._window_began_ns = began_ns = now_ns
        # A clock that was set back ends it, too.
        if not at_once and 0 <= now_ns - began_ns < length_ns:
            return
        whole = max(0, now_ns - began_ns) // length_ns * length_ns
        self._window_began_ns = now_ns if at_once or now_ns < began_ns else began_ns + whole
        for candidate, threshold in window.close():
            threshold = max(threshold, threshold_for(candidate.weight))
            self.book.probability(candidate.kind.value, _rate(threshold), now_ns)
            # Rounding must not throw out the last one that is in.
            verdict = self._decided(candidate.trace, candidate.kind, min(threshold, candidate.trace.randomness))
            self._ready.append((candidate.trace, verdict))


def _rate(threshold: int) -> float:
    return (SCALE - threshold) / SCALE
