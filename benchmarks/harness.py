"""Contestants take turns, round by round, so that a bad minute of the machine hits all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Figures = Mapping[str, float]
"""What one turn measured, by the figure's name, unit included: ``wall_s``, ``cpu_us`` …"""

Contestant = Callable[[], Figures]

_YARDSTICK_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class Contest:
    """All turns of all contestants. Lower figures are better unless the caller knows otherwise."""

    turns: Mapping[str, tuple[Figures, ...]]
    """By contestant; the n-th turn of each belongs to round n."""
    yardstick_s: tuple[float, ...]
    """Seconds that one fixed piece of Python took before each round and after the last."""

    @property
    def rounds(self) -> int:
        return len(self.yardstick_s) - 1

    @property
    def noise(self) -> float:
        """How much longer the same work took at the worst time than at the best: 0.0 on a perfectly quiet machine."""
        return max(self.yardstick_s) / min(self.yardstick_s) - 1

    def series(self, contestant: str, figure: str) -> list[float]:
        """Return one figure of one contestant, round by round."""
        return [turn[figure] for turn in self.turns[contestant]]

    def best(self, contestant: str, figure: str) -> float:
        """Return the lowest: what the code costs when nothing disturbs it."""
        return min(self.series(contestant, figure))

    def median(self, contestant: str, figure: str) -> float:
        """Return the median: what it costs on this machine, as busy as it is."""
        return statistics.median(self.series(contestant, figure))

    def more(self, contestant: str, baseline: str, figure: str) -> float:
        """Return how much more than the baseline it takes: 0.05 is 5 % more.

        The median over the rounds of the ratio *within* a round, which noise slower than a round leaves alone.
        """
        pairs = zip(self.series(contestant, figure), self.series(baseline, figure), strict=True)
        return statistics.median(own / other for own, other in pairs) - 1


def alternate(contestants: Mapping[str, Contestant], *, rounds: int, warm_up: int = 1) -> Contest:
    """Let every contestant have one turn per round and return all turns.

    The order rotates from round to round and is reversed in every second one, so that nobody always follows the same
    neighbour or has the warmest machine.

    Args:
        contestants: By name; each call is one turn and returns the same figures.
        rounds: Measured rounds, at least 1.
        warm_up: Rounds before them that are thrown away.
    """
    names = list(contestants)
    turns: dict[str, list[Figures]] = {name: [] for name in names}
    for _ in range(warm_up):
        for name in names:
            contestants[name]()
    yardstick_s = [yardstick()]
    for number in range(rounds):
        start = number % len(names)
        order = names[start:] + names[:start]
        for name in reversed(order) if number % 2 else order:
            turns[name].append(contestants[name]())
        yardstick_s.append(yardstick())
    return Contest({name: tuple(figures) for name, figures in turns.items()}, tuple(yardstick_s))


def yardstick() -> float:
    """Return the seconds that a fixed piece of pure Python takes now."""
    began = time.perf_counter()
    total = 0
    for number in range(_YARDSTICK_STEPS):
        total += number & 7
    return time.perf_counter() - began
