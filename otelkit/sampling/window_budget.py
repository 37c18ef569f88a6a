"""An exact number of each window, without bias: of fragments, which are whole traces but for late spans and parts."""

from __future__ import annotations

import heapq
import math
from typing import Final, Generic, TypeVar

from otelkit.sampling.tracestate import SCALE

T = TypeVar("T")

_LEAST: Final = 2
"""With a single one, estimates have no variance that could be stated."""


class WindowBudget(Generic[T]):
    """Keeps the ``budget`` best candidates of a window; who is out is known at once, who is in when the window is over.

    Each candidate has a weight w, and stands at U / w with U = 1 - R / 2⁵⁶: the lower, the better. The first one left out, at
    c, sets the threshold: a candidate is kept iff U < w · c, so that its probability is min(1, w · c), which is what makes
    counts from kept traces true though their number is fixed. Not thread-safe.

    Source: Ting, "Adaptive threshold sampling and unbiased estimation", arXiv 1708.04970 (bottom-k with priorities).

    Args:
        budget: Candidates kept, >= 1.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._room = budget
        """How many may be held until this window is over."""
        self._arrived = 0
        # The worst of the best first. Equal places do not make the heap compare candidates.
        self._best: list[tuple[float, int, float, T]] = []
        self._cut = math.inf

    def __len__(self) -> int:
        return len(self._best)

    def offer(self, candidate: T, randomness: int, weight: float) -> T | None:
        """Take a candidate; return who is out for good by that: it, another one, or, while there is room, nobody.

        Args:
            candidate: Given back by this, or by `close`.
            randomness: R, 0 to 2⁵⁶ - 1.
            weight: > 0. Twice the weight is twice the probability, as long as that is below 1.
        """
        place = (SCALE - randomness) / SCALE / weight
        self._arrived += 1
        entry = (-place, self._arrived, weight, candidate)
        if len(self._best) < self._room:
            heapq.heappush(self._best, entry)
            return None
        out = heapq.heappushpop(self._best, entry)
        self._cut = min(self._cut, -out[0])
        return out[3]

    def shrink(self) -> list[T]:
        """Do with half as many until the window is over; return those that are out for it. The last two stay."""
        keep = max(_LEAST, len(self._best) // 2)
        out: list[T] = []
        while len(self._best) > keep:
            place, _, _, candidate = heapq.heappop(self._best)
            self._cut = min(self._cut, -place)
            out.append(candidate)
        if out:
            self._room = keep
        return out

    def threshold(self, weight: float) -> int:
        """Return T for candidates of this weight, 0 to 2⁵⁶, as it is now: it can only rise until the window is over."""
        share = weight * self._cut
        return SCALE - math.floor(share * SCALE) if share < 1 else 0

    def close(self) -> list[tuple[T, int]]:
        """End the window: return those that are kept, each with its T, in the order in which they came; start anew."""
        kept = [
            (candidate, self.threshold(weight))
            for _, _, weight, candidate in sorted(self._best, key=lambda entry: entry[1])
        ]
        self._best = []
        self._cut = math.inf
        self._room = self._budget
        return kept
