"""How far a count of successes may be off by chance."""

from __future__ import annotations

import math


def bounds(trials: int, probability: float, error: float = 1e-6) -> tuple[int, int]:
    """Return the narrowest (lowest, highest) count with at most ``error`` / 2 of the binomial's mass beyond each end."""
    mass = [_mass(count, trials, probability) for count in range(trials + 1)]
    lowest, below = 0, mass[0]
    while below <= error / 2:
        lowest += 1
        below += mass[lowest]
    highest, above = trials, mass[trials]
    while above <= error / 2:
        highest -= 1
        above += mass[highest]
    return lowest, highest


def _mass(count: int, trials: int, probability: float) -> float:
    if probability in (0.0, 1.0):
        return float(count == trials * probability)
    return math.exp(
        math.lgamma(trials + 1)
        - math.lgamma(count + 1)
        - math.lgamma(trials - count + 1)
        + count * math.log(probability)
        + (trials - count) * math.log1p(-probability)
    )
