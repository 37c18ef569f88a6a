"""How likely to keep a trace so that a class stays inside its budget, shared fairly among its kinds."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Final

from otelkit.sampling.fair_share import fair_share

_MEMORY_S: Final = 2.0
"""Time constant of the estimated rates: what was 2 s ago counts for a third."""
_FIRST_S: Final = _MEMORY_S / 8
"""A kind that is new is taken to have come for at least so long: one trace makes no rate."""
_FULL_S: Final = 2.0
"""What may be kept at once, in seconds of the budget. Up to half of it nothing is thinned."""
_SHARE_S: Final = 0.25
"""How often the budget is shared out anew while it is short."""
_FORGOTTEN_PER_S: Final = 1e-3
"""A kind that comes more seldom than this is forgotten when there is no room for another one."""
_REST: Final = ("", "the rest")


class _Kind:
    """Traces of one kind: how many come, and what was rounded so far."""

    __slots__ = ("began_s", "owed", "per_s", "seen_s")

    def __init__(self, now_s: float) -> None:
        self.began_s = self.seen_s = now_s
        self.per_s = 0.0
        self.owed = 0.0

    def count(self, now_s: float) -> float:
        """Count one trace; return how many come per second, itself included."""
        self.per_s = self._faded(now_s) + 1 / _MEMORY_S
        self.seen_s = now_s
        return self.rate(now_s)

    def rate(self, now_s: float) -> float:
        """Return how many came per second lately."""
        known_s = max(_FIRST_S, now_s - self.began_s)
        return self._faded(now_s) / (1 - math.exp(-known_s / _MEMORY_S))

    def _faded(self, now_s: float) -> float:
        return self.per_s * math.exp((self.seen_s - now_s) / _MEMORY_S)


class Budget:
    """Gives each trace of a class the probability at which it is kept, so that about ``per_s`` are kept per second.

    The probability follows from the time and from how many traces came before, of each kind; never from their randomness, nor
    from which of them were kept. So the adjusted counts (1 / p of each kept trace) have the true counts as their mean.

    Nothing is thinned while what comes fits: up to one second's budget at once, and the budget per second after that. Beyond
    it each kind gets an equal share, and what one does not need goes to the others (max-min fairness): a storm of one error
    does not drown the others. A storm nobody saw coming costs a few seconds' budget once, which is saved again afterwards.

    A thinned probability is a whole 1 / k. Between 1 / k and 1 / (k + 1) it takes turns, so that the mean is as wanted.

    Args:
        ratio: Probability while within the budget, 0 to 1; stays as it is given.
        per_s: Traces kept per second, on average; 0: no limit.
        max_kinds: Kinds told apart, >= 1; more share one place.
    """

    def __init__(self, ratio: float, per_s: float, max_kinds: int = 1000) -> None:
        self._ratio = ratio
        self._per_s = per_s
        self._max_kinds = max_kinds
        self._kinds: dict[Hashable, _Kind] = {}
        self._spent = 0.0
        self._certain = 0.0
        self._read_s: float | None = None
        """The time as it was given last."""
        self._now_s = 0.0
        """Time that has passed since the first trace, which never goes back."""
        self._share_per_s = math.inf
        self._shared_at_s = -math.inf
        self._kept_since = 0.0
        self._kept_per_s: float | None = None

    def __len__(self) -> int:
        return len(self._kinds)

    @property
    def error(self) -> float | None:
        """How far what is kept lately is from the budget, relative to it; None while the budget suffices."""
        kept = self._kept_per_s
        return (kept - self._per_s) / self._per_s if self.short and kept is not None else None

    @property
    def short(self) -> bool:
        """Whether more comes than fits: what comes is thinned."""
        return self._per_s > 0 and self._spent >= self._per_s * _FULL_S / 2

    def probability(self, kind: Hashable, now_ns: int, *, certain: bool = False) -> float:
        """Count a trace and return the probability at which it is to be kept.

        Args:
            kind: What it shares the budget with others of; anything that is compared by value.
            now_ns: Nanoseconds since some start; a step back counts as no time, and what comes after it counts again.
            certain: Whether it has to be kept. Such traces use up to half of the budget; beyond that they come on top of it, so
                that enough is left for the others to be counted by.
        """
        if not self._per_s:
            return 1.0 if certain else self._ratio
        now_s = self._pass_time(now_ns / 1e9)
        known = self._kind(kind, now_s)
        rate = known.count(now_s)
        chosen = 1.0 if certain else self._ratio
        if not certain and self.short and self._ratio:
            wanted = self._wanted(rate, now_s)
            if wanted < self._ratio:
                chosen = self._rounded(known, wanted)
        if not certain or self._has_room_for_certain():
            self._spent += chosen
            self._kept_since += chosen
        return chosen

    def _has_room_for_certain(self) -> bool:
        """Whether what is kept for certain still fits into its half of the budget; it uses it up."""
        if self._certain + 1 > self._per_s * _FULL_S / 2:
            return False
        self._certain += 1
        return True

    def _pass_time(self, read_s: float) -> float:
        """Return the time that has passed, and take off what may have been kept since the last trace."""
        # By what passes from one trace to the next: a clock that was set back takes nothing away, and goes on at once.
        passed_s = max(0.0, read_s - self._read_s) if self._read_s is not None else 0.0
        self._read_s = read_s
        self._now_s += passed_s
        saved = passed_s * self._per_s
        self._spent = max(0.0, self._spent - saved)
        self._certain = max(0.0, self._certain - saved / 2)
        return self._now_s

    def _wanted(self, rate: float, now_s: float) -> float:
        """Return the probability by the kind's share, between the ratio and far below it as the budget is used up."""
        if now_s - self._shared_at_s >= _SHARE_S:
            self._share_out(now_s)
        full = self._per_s * _FULL_S
        used = self._spent / full
        if used > 1:
            # A share is meant to be used up at exactly `used` = 1; what was overspent is saved again.
            return min(self._ratio, self._share_per_s / (used * used) / rate)
        fair = min(self._ratio, self._share_per_s / rate)
        return self._ratio + (fair - self._ratio) * (2 * used - 1)

    def _rounded(self, kind: _Kind, wanted: float) -> float:
        """Return 1 / k next to ``wanted``: by turns the one above and the one below, so that they make it up on average."""
        above = math.floor(1 / wanted + 1e-9)
        chosen = 1 / above
        if kind.owed + wanted - chosen < -chosen / 2 or chosen > self._ratio:
            chosen = 1 / (above + 1)
        # Bounded, since with a ratio that is no 1 / k there may be nothing above to make it up with.
        kind.owed = min(1.0, kind.owed + wanted - chosen)
        return chosen

    def _share_out(self, now_s: float) -> None:
        """Find the share: with it as the most that any kind may use, all of them together use the budget."""
        self._measure(now_s - self._shared_at_s)
        self._shared_at_s = now_s
        needs = (known.rate(now_s) * self._ratio for known in self._kinds.values())
        self._share_per_s = fair_share(needs, self._per_s)

    def _measure(self, passed_s: float) -> None:
        if 0 < passed_s < 4 * _SHARE_S:
            latest = self._kept_since / passed_s
            before = latest if self._kept_per_s is None else self._kept_per_s
            self._kept_per_s = before + (latest - before) * passed_s / _MEMORY_S
        else:
            # There was no shortage for a while.
            self._kept_per_s = None
        self._kept_since = 0.0

    def _kind(self, kind: Hashable, now_s: float) -> _Kind:
        known = self._kinds.get(kind)
        if known is None:
            if len(self._kinds) >= self._max_kinds:
                self._forget(now_s)
            if len(self._kinds) >= self._max_kinds:
                kind = _REST
                known = self._kinds.get(kind)
            if known is None:
                known = self._kinds[kind] = _Kind(now_s)
        return known

    def _forget(self, now_s: float) -> None:
        if now_s - self._shared_at_s >= _SHARE_S:
            seldom = [kind for kind, known in self._kinds.items() if known.rate(now_s) < _FORGOTTEN_PER_S]
            for kind in seldom:
                del self._kinds[kind]
            self._share_out(now_s)
