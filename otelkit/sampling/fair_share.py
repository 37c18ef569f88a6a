"""Max-min fairness: who needs little gets it all, the others the same."""

from __future__ import annotations

import math
from collections.abc import Iterable


def fair_share(demands: Iterable[float], supply: float, newcomers: int = 0) -> float:
    """Return the most that any one may have so that all together have the supply; infinity if that is enough for all.

    With the share s each demand d gets min(d, s). Nobody can get more without somebody who has less getting less still.

    For sampling that is the fairest there is: a key with at most s traces per second keeps them all, and of the others, which
    keep s per second each, every count is as exact as any other (its relative standard error is about 1 / √(s·t) after t
    seconds). A share by the logarithm of the demand, as Honeycomb's EMADynamic has it, gives more to those who come often,
    whose counts are exact enough without.

    Args:
        demands: Per second, 0 or more, in any order.
        supply: Per second, above 0.
        newcomers: So many others have to be reckoned with, whose demand has no bound.

    Source: Bertsekas and Gallager, Data Networks, 2nd edition, section 6.5.2.
    """
    ordered = sorted(demands)
    claimants = len(ordered) + newcomers
    left = supply
    for demand in ordered:
        share = left / claimants
        if demand > share:
            return share
        left -= demand
        claimants -= 1
    return left / claimants if claimants else math.inf
