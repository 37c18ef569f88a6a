"""Shares a throughput out among the kinds of traces, by how many of each came lately."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping
from typing import Final

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import in_forked_child
from otelkit.sampling.common_trend import CommonTrend
from otelkit.sampling.fair_share import fair_share
from otelkit.sampling.key_table import FORGOTTEN_PER_WINDOW, REST, Entry, Key, KeyTable
from otelkit.sampling.load import Load
from otelkit.sampling.long_run import LongRun

_log = logging.getLogger("otelkit.sampling")
_S: Final = 1_000_000_000
_FEW: Final = 8
"""So many more arrivals than expected are looked at: fewer are no rate yet."""
_MORE: Final = 1.5
_SPREAD: Final = 4.0
"""A key is looked at before its window ends when there are 1.5 times the arrivals expected, 4 standard errors and 8 more."""
_SHORTEST_NS: Final = 1_000
_LEAST: Final = 1e-12
"""The smallest probability: nothing is never kept."""
_PARTS: Final = 8
"""All bursts together may use up this part of the window's target each time they double."""
_LONG: Final = 0.2
"""What was observed for this part of a window, or longer, is believed."""


class Controller:
    """Chooses the probability of each key so that about ``target_per_s`` traces are kept per second, shared fairly.

    The arrivals of each key are counted, and from them a rate is estimated (`ArrivalRate`) once per window; then the target is
    shared out (`fair_share`), and each key gets the probability share / rate, at most 1. Between windows:

    - A key that comes far more often than expected gets a smaller probability at once, from what came since it did.
    - What the keys leave of the target is for whoever comes first: a new key, or a burst. When it is used up, each that comes
      more often than expected gets a share, and when many do, the target is shared out anew.

    A probability follows from what came before and from the load; never from the randomness of a trace, nor from which were
    kept. So each kept trace stands for 1 / p traces without bias. The only thing that is fed back is the sum of the
    probabilities, slowly (`LongRun`), so that nothing oscillates.

    What is due is done by whoever starts a trace then, for about 2 µs per key and window; the others go on meanwhile with
    what there is. Thread-safe and fork-safe; in a forked child what was learnt stays, and counts start anew.

    Args:
        target_per_s: Traces to keep per second, above 0.
        max_keys: Keys told apart, 1 or more.
        window_s: How often rates are learnt, above 0.
        load: Scales the target; measured about once a second.
        clock: Times arrivals.
        learnt: Rates of keys, arrivals per second, from before.
        reason: Why traces are kept.
    """

    def __init__(
        self,
        target_per_s: float,
        *,
        max_keys: int,
        window_s: float,
        load: Load,
        clock: Clock = SYSTEM_CLOCK,
        learnt: Mapping[Key, float] | None = None,
        reason: str = "adaptive",
    ) -> None:
        self.target_per_s = target_per_s
        self.load = load
        self.now_ns = clock.monotonic_ns
        self.due_ns = 0
        """When there is something to do, at the next trace."""
        self.rolled = 0
        """Windows so far."""
        self._window_ns = max(1, round(window_s * _S))
        self._tick_ns = min(_S, max(1, self._window_ns // 5))
        self._since_ns = self.now_ns()
        """When the window began."""
        self.table = KeyTable(max_keys, reason, self._since_ns)
        self._lock = threading.Lock()
        self._factor = 1.0
        self._long_run = LongRun()
        self._bursts: list[Entry] = []
        """Keys that have come far more often than expected in this window."""
        # What follows from the sharing out.
        self._share_per_s = math.inf
        self._open_per_s = target_per_s
        """The share that one more key would get, however often it comes."""
        self._spare = math.inf
        """Traces that may be kept in this window beyond what is expected."""
        self._unplanned_per_s = 0.0
        """What keys may keep since the sharing out that were not reckoned with."""
        self._trend = CommonTrend()
        self._new = 0
        """Keys that are new in this window."""
        self._said_full = False
        for key, per_s in (learnt or {}).items():
            self.table.add(key, per_s, self._since_ns)
        for entry in self.table:
            self._expect(entry, self._since_ns)
        self._share_out(self._since_ns)
        in_forked_child(self._after_fork)

    @property
    def error(self) -> float:
        """Of the last window: (kept - target) / target, by probabilities; the target is no more than all that came."""
        return self._long_run.error

    # -- in the threads that start traces --------------------------------------------------------------------------

    def meet(self, key: Key) -> Entry:
        """Return the entry of a key that is not in the table: a new one, or, where there is no room, the one for the rest."""
        entry = self._met(key)
        # Outside the lock: a handler may start traces.
        if not self._said_full and self.table.is_crowded:
            self._said_full = True
            _log.warning(
                "Traces start with more than %d pairs of pipeline and stage, or names of spans (sampling_max_keys). "
                "The others are sampled together, as one, and rare ones among them are not told from frequent ones. "
                "Take what differs from trace to trace, like ids, out of the names, or raise sampling_max_keys.",
                len(self.table.entries),
            )
        return entry

    def _met(self, key: Key) -> Entry:
        if not self._lock.acquire(blocking=False):
            # Others are at work, or this is a signal handler that has interrupted them: never waited for. The next is let in.
            return self.table.rest
        try:
            known = self.table.entries.get(key)
            if known is not None:
                return known
            window_s = self._window_ns / _S
            entry = self.table.add(key, 1 / window_s, self.now_ns())
            if entry is None:
                return self.table.turn_away(key)
            # As far as is known it comes once in this window. Of many that are new at once each may have less.
            self._new += 1
            entry.use(max(_LEAST, min(1.0, self._open_per_s * window_s / self._new)))
            entry.check_at = _FEW
            return entry
        finally:
            self._lock.release()

    def attend(self, entry: Entry) -> None:
        """Do what is due: for all keys by the time, for this one by its arrivals. Whoever comes while others do it goes on."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            now_ns = self.now_ns()
            if now_ns >= self.due_ns:
                self._tick(now_ns)
            if entry.arrivals >= entry.check_at:
                self._check(entry, now_ns)
        finally:
            self._lock.release()

    def learnt(self) -> dict[Key, float]:
        """Return the rates of the keys that still come, in arrivals per second, for the next start."""
        rates = {entry.key: self._worth_keeping(entry) for entry in self.table if entry.key != REST}
        seldom = FORGOTTEN_PER_WINDOW * _S / self._window_ns
        return {key: per_s for key, per_s in rates.items() if per_s >= seldom}

    def _worth_keeping(self, entry: Entry) -> float:
        so_far_per_s = (entry.arrivals - entry.counted) * _S / self._window_ns
        if entry.is_burst:
            # A program that does its work in a tenth of a second and ends is not to keep nothing of it the next time: of a
            # burst counts what it comes to over the whole window.
            return so_far_per_s
        if entry.rate.is_observed:
            return entry.rate.per_s
        # What an earlier process knew, or nothing: this one has not lived for a window. What it did not see at all fades.
        return max(entry.rate.per_s, so_far_per_s) if entry.arrivals else entry.rate.per_s / 2

    # -- with the lock held ----------------------------------------------------------------------------------------

    def _tick(self, now_ns: int) -> None:
        factor, before = self.load.measure(), self._factor
        self._factor = factor
        if now_ns - self._since_ns >= self._window_ns:
            self._end_window(now_ns)
            self._share_out(now_ns)
        elif factor != before:
            self._share_out(now_ns)
        else:
            for entry in self._bursts:
                self._follow(entry, now_ns)
        self.due_ns = min(now_ns + self._tick_ns, self._since_ns + self._window_ns)

    def _end_window(self, now_ns: int) -> None:
        """Learn from the window, and begin another one."""
        window_s = self._window_ns / _S
        passed_s = (now_ns - self._since_ns) / _S
        arrived, expected, usual = 0, 0.0, list[Entry]()
        for entry in self.table:
            arrivals = entry.arrivals - entry.counted
            arrived += arrivals
            expected += entry.take_expected()
            if entry.is_burst:
                self._believe_burst(entry, arrivals, passed_s, now_ns)
            elif entry.rate.is_usual(arrivals, passed_s, window_s):
                usual.append(entry)
                self._trend.add(entry.probability, arrivals, entry.rate.per_s * passed_s)
            else:
                entry.rate.change(arrivals, passed_s, window_s)
        factor = self._trend.end_window()
        for entry in usual:
            entry.rate.drift(entry.arrivals - entry.counted, passed_s, window_s, factor)
        wanted = min(float(arrived), self.target_per_s * self._factor * passed_s)
        self._long_run.end_window(expected / wanted - 1 if wanted else 0.0, is_short=arrived > wanted)
        self._since_ns = now_ns
        for entry in self.table:
            entry.counted = entry.arrivals
            entry.is_burst = False
            self._expect(entry, now_ns)
        self.table.find_idle(window_s)
        self.table.count_rest_anew()
        self._spare = math.inf
        self._bursts = []
        self._new = 0
        self.rolled += 1

    def _believe_burst(self, entry: Entry, arrivals: int, passed_s: float, now_ns: int) -> None:
        """Learn from a window in which far more came than before, from some moment on."""
        window_s = self._window_ns / _S
        since_s = (now_ns - entry.burst_ns) / _S
        # If it was a burst, it is over, and what counts is what it came to over the whole window.
        entry.rate.guess(arrivals / passed_s)
        if since_s >= _LONG * window_s:
            arrivals, passed_s = entry.arrivals - entry.burst_from, since_s
        entry.rate.change(arrivals, passed_s, window_s)

    def _share_out(self, now_ns: int) -> None:
        """Choose all probabilities anew, by the rates as they are known."""
        supply = self._supply_per_s
        # Those for whom there is no room are taken to come equally often.
        demands = sorted(per_s for entry in self.table for per_s in [entry.rate.per_s / entry.keys] * entry.keys)
        share = self._share_per_s = fair_share(demands, supply / self._trend.ahead)
        self._open_per_s = fair_share(demands, supply / self._trend.ahead, newcomers=1)
        self._spare = min(self._spare, self._open_per_s * self._left_s(now_ns))
        self._unplanned_per_s = 0.0
        for entry in self.table:
            if entry.is_burst:
                entry.grant_per_s = share
                self._follow(entry, now_ns)
            else:
                entry.use(max(_LEAST, min(1.0, share * entry.keys / entry.rate.wary_per_s)))

    def _expect(self, entry: Entry, now_ns: int) -> None:
        """Set the number of arrivals at which the key is looked at before the window ends."""
        expected = entry.rate.per_s * self._left_s(now_ns)
        self._look_again(entry, now_ns, _FEW + int(_MORE * expected + _SPREAD * math.sqrt(expected)))

    @property
    def _supply_per_s(self) -> float:
        return self.target_per_s * self._factor * self._long_run.correction

    def _left_s(self, now_ns: int) -> float:
        return max(0, self._since_ns + self._window_ns - now_ns) / _S

    def _check(self, entry: Entry, now_ns: int) -> None:
        """Look at a key that comes more often than expected."""
        if entry.is_burst:
            self._follow(entry, now_ns)
            return
        arrivals = entry.arrivals - entry.checked
        passed_s = max(now_ns - entry.checked_ns, _SHORTEST_NS) / _S
        if entry.probability >= 1.0:
            self._spare -= arrivals - entry.rate.per_s * passed_s
            if self._spare > 0:
                self._look_again(entry, now_ns, max(_FEW, min(arrivals // 2, int(self._spare))))
                return
        if entry.checked_ns <= self._since_ns:
            # It may have begun just now, or when the window did: what comes next tells.
            self._look_again(entry, now_ns, _FEW)
        elif arrivals / passed_s > entry.rate.per_s:
            self._begin_burst(entry, arrivals / passed_s, now_ns)
        else:
            self._expect(entry, now_ns)

    def _look_again(self, entry: Entry, now_ns: int, after: int) -> None:
        entry.check_at = entry.arrivals + after
        entry.checked = entry.arrivals
        entry.checked_ns = now_ns

    def _begin_burst(self, entry: Entry, per_s: float, now_ns: int) -> None:
        """Take a key's rate from what came since it was looked at last, from now until the window ends."""
        before_per_s, share = entry.rate.per_s / entry.keys, self._share_per_s
        entry.is_burst = True
        entry.burst_from, entry.burst_ns = entry.checked, entry.checked_ns
        entry.grant_per_s = share if before_per_s >= share else self._open_per_s
        self._bursts.append(entry)
        self._follow(entry, now_ns)
        unplanned_per_s = min(per_s / entry.keys, entry.grant_per_s) - min(before_per_s, share)
        self._unplanned_per_s += max(0.0, unplanned_per_s) * entry.keys
        if self._unplanned_per_s >= self._supply_per_s / 2:
            self._share_out(now_ns)

    def _follow(self, entry: Entry, now_ns: int) -> None:
        """Choose the probability of a key whose rate is known since a moment ago only: by the mean since then.

        Nobody knows how long it lasts. As long as it is young it is taken to last as long again, and in that time all bursts
        together may use up a part of the window's target, rather than their share of each moment as if they went on to the
        window's end: otherwise what is kept of a short burst would be a few traces that count for thousands each. Looked at
        again when there are twice as many, and at each tick, so that the probability rises again when it is over.
        """
        arrivals = max(1, entry.arrivals - entry.burst_from)
        per_s = arrivals * _S / max(now_ns - entry.burst_ns, _SHORTEST_NS)
        entry.rate.guess(per_s)
        part = self._supply_per_s * self._window_ns / _S / _PARTS / max(1, len(self._bursts))
        entry.use(max(_LEAST, min(1.0, max(entry.grant_per_s * entry.keys / per_s, part / arrivals))))
        entry.check_at = entry.arrivals + max(_FEW, arrivals)

    # -- processes -------------------------------------------------------------------------------------------------

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._since_ns = self.now_ns()
        self._spare = math.inf
        self._bursts = []
        self._new = 0
        self.table.count_rest_anew()
        for entry in self.table:
            entry.forget_counts()
            self._expect(entry, self._since_ns)
        self._share_out(self._since_ns)
