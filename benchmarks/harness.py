"""Contestants take turns, round by round, so that a bad minute of the machine hits all of them alike."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_CHANCE = 0.025

Figures = Mapping[str, float]
"""What one turn measured, by the figure's name, unit included: ``wall_s``, ``cpu_us`` …"""

Contestant = Callable[[], Figures]

_YARDSTICK_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as much as a baseline of the same round something takes, over all rounds."""

    value: float
    """The median."""
    low: float
    """The median of all rounds that there could ever be lies below this with a probability of at most 2.5 %."""
    high: float
    """And above this likewise."""


@dataclass(frozen=True, slots=True)
class Contest:
    """All turns of all contestants. Lower figures are better unless the caller knows otherwise."""

    turns: Mapping[str, tuple[Figures, ...]]
    """By contestant; the n-th turn of each belongs to round n."""
    yardstick_s: tuple[float, ...]
    """Seconds that one fixed piece of Python took before each round and after the last."""
    yardstick_cpu_s: tuple[float, ...] = ()
    """CPU seconds that it took then, which a machine with other work to do leaves nearly alone."""

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

    def ratio(self, contestant: str, baseline: str, figure: str, baseline_figure: str | None = None) -> Ratio:
        """Return how many times as much as the baseline it takes, each round compared with itself.

        Noise that is slower than a round leaves it alone.

        Args:
            contestant: Whose figure is divided.
            baseline: By whose figure.
            figure: Of the contestant.
            baseline_figure: Of the baseline, if it is another one.
        """
        pairs = zip(self.series(contestant, figure), self.series(baseline, baseline_figure or figure), strict=True)
        return ratio_of([own / other for own, other in pairs])

    def more(self, contestant: str, baseline: str, figure: str) -> float:
        """Return how much more than the baseline it takes: 0.05 is 5 % more."""
        return self.ratio(contestant, baseline, figure).value - 1

    def above(self, contestant: str, baseline: str, figure: str) -> float:
        """Return what it takes more than the baseline, in the figure's unit: the median of the differences by round."""
        pairs = zip(self.series(contestant, figure), self.series(baseline, figure), strict=True)
        return statistics.median(own - other for own, other in pairs)

    def in_yardsticks(self, contestant: str, figure: str, per_second: float) -> Ratio:
        """Return a CPU time as a multiple of what one step of the yardstick took around the same round.

        For what has no counterpart in the same contest: a machine that is slower as a whole has the same multiple.

        Args:
            contestant: Whose figure.
            figure: A CPU time.
            per_second: How many of the figure's unit are a second: 1e6 for µs.
        """
        around = zip(self.yardstick_cpu_s, self.yardstick_cpu_s[1:], strict=False)
        steps = [(before + after) / 2 / _YARDSTICK_STEPS for before, after in around]
        pairs = zip(self.series(contestant, figure), steps, strict=True)
        return ratio_of([own / per_second / step for own, step in pairs])


def ratio_of(values: Sequence[float]) -> Ratio:
    """Return the median of the values, and between which of them the true median lies.

    The bounds are order statistics: that at most k of n values lie below the true median has the binomial probability of at
    most k heads in n throws. With fewer than six values they are the lowest and the highest.

    Source: David and Nagaraja, Order Statistics, 3rd edition, section 7.1.
    """
    ordered = sorted(values)
    below, total = 0.0, 2.0 ** len(ordered)
    skipped = 0
    while (below := below + math.comb(len(ordered), skipped) / total) <= _CHANCE:
        skipped += 1
    skipped = max(0, skipped - 1)
    return Ratio(statistics.median(ordered), ordered[skipped], ordered[-1 - skipped])


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
    yardsticks = [yardstick()]
    for number in range(rounds):
        start = number % len(names)
        order = names[start:] + names[:start]
        for name in reversed(order) if number % 2 else order:
            turns[name].append(contestants[name]())
        yardsticks.append(yardstick())
    wall_s, cpu_s = zip(*yardsticks, strict=True)
    return Contest({name: tuple(figures) for name, figures in turns.items()}, wall_s, cpu_s)


def yardstick() -> tuple[float, float]:
    """Return the seconds that a fixed piece of pure Python takes now, by the clock and of CPU time."""
    began, cpu_began = time.perf_counter(), time.thread_time()
    total = 0
    for number in range(_YARDSTICK_STEPS):
        total += number & 7
    return time.perf_counter() - began, time.thread_time() - cpu_began
