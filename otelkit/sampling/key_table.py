"""What a sampler knows of each kind of traces, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from otelkit.sampling.arrival_rate import ArrivalRate
from otelkit.sampling.whole_odds import WholeOdds, mixture

Key = tuple[str, str]
"""Pipeline and stage. Where a trace starts with a span that is no stage's: an empty pipeline and the span's name."""

REST: Final[Key] = ("(other)", "(other)")
"""The key of all that there is no room for."""
FORGOTTEN_PER_WINDOW: Final = 0.05
"""A key that comes more seldom than this makes room for another one."""


class Entry:
    """One key: how many traces of it came, how often they come, and the odds at which the next ones are kept.

    Counted without a lock, by whoever starts a trace: adding to a slot is one step for an interpreter that holds its lock, and
    where it is not, a count that is lost is lost to an estimate.
    """

    __slots__ = (
        "arrivals", "burst_from", "burst_ns", "check_at", "checked", "checked_ns", "counted", "credit", "expected",
        "grant_per_s", "is_burst", "kept", "key", "keys", "likelier", "likelier_share", "marked", "other", "probability",
        "rate",
    )  # fmt: skip

    def __init__(self, key: Key, per_s: float, now_ns: int, reason: str) -> None:
        self.key = key
        self.keys = 1
        """So many keys share it; of the target it gets the share of as many."""
        self.rate = ArrivalRate(per_s)
        self.arrivals = 0
        self.kept = 0
        # -- the odds
        self.probability = 1.0
        """At which the next traces are kept, on average."""
        self.likelier = WholeOdds(1, reason)
        self.other = self.likelier
        self.likelier_share = 1.0
        """How often the likelier odds are taken."""
        # In the middle, so that the first traces of many keys do not all get the same.
        self.credit = 0.5
        self.marked = 0
        self.expected = 0.0
        # -- the estimate
        self.counted = 0
        """Arrivals up to the start of this window."""
        self.is_burst = False
        """Whether far more have come in this window, from some moment on, than were expected."""
        self.burst_from = 0
        self.burst_ns = 0
        """That moment, and the arrivals then."""
        self.grant_per_s = 0.0
        """What may be kept of it, for each key that shares it."""
        self.check_at = 0
        """Arrivals at which there are more than expected, by far."""
        self.checked = 0
        self.checked_ns = now_ns
        """The last time that was found out, and the arrivals then."""

    def use(self, probability: float) -> None:
        """Keep the next traces at this probability, above 0 to 1: by turns at the whole odds next to it."""
        self.expected += (self.arrivals - self.marked) * self.probability
        self.marked = self.arrivals
        if probability == self.probability:
            return
        self.probability = probability
        one_in, self.likelier_share = mixture(probability)
        reason = self.likelier.reason
        if one_in != self.likelier.one_in:
            self.likelier = WholeOdds(one_in, reason)
        if self.likelier_share < 1.0 and one_in + 1 != self.other.one_in:
            self.other = WholeOdds(one_in + 1, reason)

    def forget_counts(self) -> None:
        """Start counting anew: what was counted is another process's. What was learnt stays."""
        self.arrivals = self.kept = self.counted = self.burst_from = self.checked = self.marked = 0
        self.is_burst = False
        self.expected = 0.0

    def take_expected(self) -> float:
        """Return the sum of the probabilities of all that came since this was last asked."""
        expected = self.expected + (self.arrivals - self.marked) * self.probability
        self.expected = 0.0
        self.marked = self.arrivals
        return expected


class KeyTable:
    """The entries of at most ``max_keys`` keys, and one for all others. Not thread-safe by itself but for looking up.

    Args:
        max_keys: 1 or more.
        reason: Why traces are kept.
        now_ns: Monotonic.
    """

    def __init__(self, max_keys: int, reason: str, now_ns: int) -> None:
        self._max_keys = max_keys
        self._reason = reason
        self.entries: dict[Key, Entry] = {}
        """Without the rest."""
        self.rest = Entry(REST, 0.0, now_ns, reason)
        """Of all keys that there is no room for."""
        self._turned_away: set[int] = set()
        """Hashes of those that came in this window; at most ``max_keys``, so that of the target these never get more than half
        while the others need it."""
        self._leaving: list[Entry] = []

    def __len__(self) -> int:
        return len(self.entries) + 1

    def __iter__(self) -> Iterator[Entry]:
        # Copied in one step: others may look on while entries are added.
        yield from tuple(self.entries.values())
        yield self.rest

    def add(self, key: Key, per_s: float, now_ns: int) -> Entry | None:
        """Return a new entry for a key that is not in the table; None: there is no room."""
        if len(self.entries) >= self._max_keys:
            self._make_room()
        if len(self.entries) >= self._max_keys:
            return None
        entry = self.entries[key] = Entry(key, per_s, now_ns, self._reason)
        return entry

    @property
    def is_crowded(self) -> bool:
        """Whether there was no room for a key in this window."""
        return bool(self._turned_away)

    def turn_away(self, key: Key) -> Entry:
        """Return the rest for a key that there is no room for, and count it among those that share it."""
        if len(self._turned_away) < self._max_keys:
            self._turned_away.add(hash(key))
            self.rest.keys = max(self.rest.keys, len(self._turned_away))
        return self.rest

    def count_rest_anew(self) -> None:
        """Start counting the keys that share the rest anew: so many came since this was last done."""
        self.rest.keys = max(1, len(self._turned_away))
        self._turned_away.clear()

    def find_idle(self, window_s: float) -> None:
        """Note who may make room from now on: the keys that have nearly ceased to come."""
        if len(self.entries) >= self._max_keys:
            seldom = FORGOTTEN_PER_WINDOW / window_s
            self._leaving = [entry for entry in self.entries.values() if entry.rate.per_s < seldom]

    def _make_room(self) -> None:
        while self._leaving:
            entry = self._leaving.pop()
            # One that has come again since it was noted stays.
            if entry.arrivals == entry.counted and self.entries.pop(entry.key, None) is not None:
                return
