"""A reservoir as AWS X-Ray's default rule has it: the first traces of each second, and a fixed share of the others."""

from __future__ import annotations

import random

from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.traffic import SECOND, MadeTrace


class XRayReservoir(Contestant):
    """Keeps the first ``size`` traces of each second, and of the others a share by chance. Says nothing of it.

    Source: AWS X-Ray developer guide, "Configuring sampling rules".
    """

    name = "X-Ray reservoir"

    def __init__(self, size: int, share: float, seed: int = 0) -> None:
        super().__init__(seed)
        self._size = size
        self._share = share
        self._second = -1
        self._taken = 0
        self._rng = random.Random(f"reservoir {seed}")

    def starts(self, trace: MadeTrace) -> None:
        second = self.now_ns // SECOND
        if second != self._second:
            self._second, self._taken = second, 0
        if self._taken < self._size:
            self._taken += 1
            self.keep(trace)
        elif self._rng.random() < self._share:
            self.keep(trace)
