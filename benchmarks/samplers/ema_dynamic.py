"""Honeycomb's EMADynamic sampler: a rate per key from a moving average, after the logarithm of the key's frequency."""

from __future__ import annotations

import math
import random

from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.traffic import SECOND, MadeTrace

_WEIGHT = 0.5
_AGES_OUT = 0.5
_Key = tuple[str, str]


class EmaDynamic(Contestant):
    """Shares a goal out among keys by log10 of how often each came; decides by a random number, not by the trace id.

    What it keeps carries its rate (Honeycomb's ``SampleRate``), not ``th``. A key that it does not know yet is kept whole;
    before the first adjustment everything is kept at the goal rate.

    Args:
        goal: Mean rate: 1 of ``goal`` is to be kept.
        adjust_s: How often rates are computed.

    Source: Honeycomb's documentation of Refinery, "EMADynamicSampler", and of dynsampler-go.
    """

    name = "EMADynamic"

    def __init__(self, goal: float, adjust_s: int = 10, seed: int = 0) -> None:
        super().__init__(seed)
        self._goal = goal
        self._adjust_s = adjust_s
        self._rng = random.Random(f"ema {seed}")
        self._now: dict[_Key, int] = {}
        self._average: dict[_Key, float] = {}
        self._rates: dict[_Key, int] | None = None

    def starts(self, trace: MadeTrace) -> None:
        key = trace.key
        self._now[key] = self._now.get(key, 0) + 1
        rate = round(self._goal) if self._rates is None else self._rates.get(key, 1)
        if self._rng.randrange(rate) == 0:
            self.keep(trace, told=float(rate))

    def tick(self) -> None:
        if self.now_ns // SECOND % self._adjust_s == 0:
            self._adjust()

    def _adjust(self) -> None:
        if not self._now:
            return
        for key in self._average.keys() | self._now.keys():
            before, now = self._average.get(key), self._now.get(key, 0)
            after = float(now) if before is None else _WEIGHT * now + (1 - _WEIGHT) * before
            if after < _AGES_OUT:
                self._average.pop(key, None)
            else:
                self._average[key] = after
        self._now = {}
        self._rates = _rates(self._average, self._goal)


def _rates(counts: dict[_Key, float], goal: float) -> dict[_Key, int]:
    """Return 1/p of each key; what a rare key does not need of its share goes to the more frequent ones."""
    logs = {key: max(1e-9, math.log10(max(1.0, count))) for key, count in counts.items()}
    ratio = sum(counts.values()) / goal / sum(logs.values())
    rates, extra, left = {}, 0.0, len(counts)
    for key in sorted(counts):
        count = counts[key]
        share = max(1.0, logs[key] * ratio)
        spare = extra / left
        share, extra, left = share + spare, extra - spare, left - 1
        if count <= share:
            rates[key], extra = 1, extra + share - count
        else:
            rates[key] = math.ceil(count / share)
            extra += share - count / rates[key]
    return rates
