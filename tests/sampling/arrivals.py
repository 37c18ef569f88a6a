"""Traces that start at random times, at rates that are known, through a head sampler, in no time at all."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from opentelemetry.context import Context

from otelkit import names
from otelkit.model.calls import Stage, StageKind
from otelkit.sampling.adaptive import OtelkitAdaptive
from otelkit.testing import FakeClock

Rates = Callable[[int], Sequence[float]]
"""By the number of the window, from 0: traces per second of each key."""

PIPELINE = "p"
_CONTEXT = Context()


@dataclass
class Window:
    """What came in one window, and what was kept of it; by key."""

    came: list[int]
    kept: list[int]
    estimate: list[float]
    """What the kept traces stand for: the sum of 1 / p."""
    variance: list[float]
    """Of the estimate, estimated from the kept traces: the sum of (1 - p) / p²."""
    one_in: list[set[int]] = field(default_factory=list)
    error: float = 0.0
    """By the sampler: how far the sum of the probabilities is from the target."""


class Traffic:
    """Sends traces through a sampler, window by window.

    Args:
        sampler: Times arrivals by ``clock``.
        clock: Stands still otherwise.
        window_s: The sampler's.
        seed: Of times and trace ids.
    """

    def __init__(self, sampler: OtelkitAdaptive, clock: FakeClock, window_s: float, seed: int = 1) -> None:
        self.sampler = sampler
        self._clock = clock
        self._window_s = window_s
        self._random = random.Random(seed)
        self._stages: list[Stage] = []
        self._number = 0

    def windows(self, rates: Rates, count: int) -> list[Window]:
        """Let so many windows pass, and return them, and one more, in which the sampler says how far off the last one was."""
        passed = []
        for _ in range(count + 1):
            passed.append(self._window(rates(self._number)))
            self._number += 1
        for window, following in itertools.pairwise(passed):
            window.error = following.error
        passed.pop()
        return passed

    def _window(self, rates: Sequence[float]) -> Window:
        count = len(rates)
        self._stages += [Stage(f"s{number}", StageKind.FUNCTION) for number in range(len(self._stages), count)]
        window = Window([0] * count, [0] * count, [0.0] * count, [0.0] * count, [set() for _ in range(count)])
        before = 0.0
        for at_s, key in sorted(self._arrivals(rates)):
            self._clock.advance(at_s - before)
            before = at_s
            kept = self.sampler.decide_root(self._random.getrandbits(128), self._stages[key], PIPELINE, _CONTEXT)
            window.came[key] += 1
            if kept is not None:
                one_in = round(1 / float(str(kept[1][names.SAMPLING_RATE])))
                window.kept[key] += 1
                window.estimate[key] += one_in
                window.variance[key] += one_in * (one_in - 1)
                window.one_in[key].add(one_in)
        self._clock.advance(self._window_s - before)
        window.error = self.sampler.controller.error
        return window

    def _arrivals(self, rates: Sequence[float]) -> Iterator[tuple[float, int]]:
        """Yield times within a window, and keys: of each a Poisson process."""
        for key, per_s in enumerate(rates):
            at_s = self._random.expovariate(per_s) if per_s else self._window_s
            while at_s < self._window_s:
                yield at_s, key
                at_s += self._random.expovariate(per_s)


def zipf(keys: int, per_s: float) -> list[float]:
    """Return rates that add up to ``per_s``, the n-th 1 / n of the first."""
    whole = sum(1 / number for number in range(1, keys + 1))
    return [per_s / number / whole for number in range(1, keys + 1)]


def adaptive(
    target_per_s: float, *, window_s: float = 10.0, max_keys: int = 1000, seed: int = 1
) -> tuple[OtelkitAdaptive, Traffic]:
    """Return a sampler and the traffic through it."""
    clock = FakeClock()
    sampler = OtelkitAdaptive(target_per_s, window_s=window_s, max_keys=max_keys, clock=clock)
    return sampler, Traffic(sampler, clock, window_s, seed)
