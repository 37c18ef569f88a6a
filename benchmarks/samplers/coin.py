"""Coins that are thrown without telling anybody: what naive samplers do."""

from __future__ import annotations

import random

from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.traffic import SCALE, MadeTrace


class SilentCoin(Contestant):
    """Keeps each trace by chance and says nothing of it: no ``th``, so that each counts as one."""

    name = "random coin without th"

    def __init__(self, share: float, seed: int = 0) -> None:
        super().__init__(seed)
        self._share = share
        self._rng = random.Random(f"coin {seed}")

    def starts(self, trace: MadeTrace) -> None:
        if self._rng.random() < self._share:
            self.keep(trace)


class CoinWithThreshold(SilentCoin):
    """Throws a coin and writes the ``th`` of its probability: counts are right, but no other process decides alike."""

    name = "random coin with th"

    def starts(self, trace: MadeTrace) -> None:
        if self._rng.random() < self._share:
            self.keep(trace, round((1 - self._share) * SCALE))
