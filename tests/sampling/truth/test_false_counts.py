"""Samplers of the naive kind fail the very test that ours pass: it would notice."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from benchmarks.samplers.coin import CoinWithThreshold, SilentCoin
from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.ema_dynamic import EmaDynamic
from benchmarks.samplers.jaeger_adaptive import JaegerAdaptive
from benchmarks.samplers.logfire_tail import LogfireTail
from benchmarks.samplers.reservoir import XRayReservoir
from benchmarks.samplers.trace_id_ratio import StockRatio
from benchmarks.samplers.traffic import SCALE, SECOND, MadeTrace
from tests.sampling.truth.replicas import false_counts, kept_in_each


def threshold(share: float) -> int:
    return round((1 - share) * SCALE)


class ReservoirWithItsMeanThreshold(XRayReservoir):
    """Writes the probability that it has on average: right in all, wrong for each stage."""

    def keep(self, trace: MadeTrace, *_: object, **__: object) -> None:
        super().keep(trace, threshold(2000 / 20_000))


class RatioWithALimit(Contestant):
    """Keeps by the trace id, and throws away what goes beyond 12 in a second: the `th` does not know of that."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._second, self._taken = -1, 0

    def starts(self, trace: MadeTrace) -> None:
        if self.now_ns // SECOND != self._second:
            self._second, self._taken = self.now_ns // SECOND, 0
        if trace.randomness >= threshold(0.1) and self._taken < 12:
            self._taken += 1
            self.keep(trace, threshold(0.1))


class ErrorsAtTheHeadsThreshold(Contestant):
    """Keeps every error and a tenth of the rest, and leaves the head's `th` on all of it."""

    def ends(self, trace: MadeTrace) -> None:
        if trace.error_type is not None or trace.randomness >= threshold(0.1):
            self.keep(trace, threshold(0.1))


class ErrorsWithoutRaising(Contestant):
    """The same, with the `th:0` that the spans came with: a tail that never raises it."""

    def ends(self, trace: MadeTrace) -> None:
        if trace.error_type is not None or trace.randomness >= threshold(0.1):
            self.keep(trace, 0)


class SecondChance(Contestant):
    """Chooses the probability after a look at R: what fails at a tenth is tried at a half."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._rng = random.Random(seed)

    def starts(self, trace: MadeTrace) -> None:
        for share in (0.1, 0.5):
            if trace.randomness >= threshold(share) and self._rng.random() < 0.7:
                self.keep(trace, threshold(share))
                return


class FirstOfEachStage(Contestant):
    """Keeps the first trace of each stage in every ten seconds besides a tenth, and calls all of it a tenth."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._seen: set[object] = set()

    def starts(self, trace: MadeTrace) -> None:
        first = (trace.key, self.now_ns // (10 * SECOND)) not in self._seen
        self._seen.add((trace.key, self.now_ns // (10 * SECOND)))
        if first or trace.randomness >= threshold(0.1):
            self.keep(trace, threshold(0.1))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda seed: SilentCoin(0.1, seed), id="random coin"),
        pytest.param(lambda seed: XRayReservoir(5, 0.05, seed), id="reservoir"),
        pytest.param(lambda seed: StockRatio(0.1, seed), id="stock ratio"),
        pytest.param(lambda seed: LogfireTail(5.0, 0.07, seed), id="tail without th"),
        pytest.param(lambda seed: EmaDynamic(10, 10, seed), id="EMADynamic"),
        pytest.param(lambda seed: JaegerAdaptive(0.1, seed=seed), id="Jaeger adaptive"),
    ],
)
def test_samplers_without_th_are_found_out(make: Callable[[int], Contestant]) -> None:
    """Each of their spans counts as one: in all, by class and by stage the counts are false."""
    assert set(false_counts(kept_in_each(make))) == {"all", "class", "key", "key and class"}


@pytest.mark.parametrize(
    ("make", "found_by"),
    [
        pytest.param(lambda seed: ReservoirWithItsMeanThreshold(5, 0.05, seed), {"key"}, id="mean threshold"),
        pytest.param(RatioWithALimit, {"all", "key"}, id="limit after the decision"),
        pytest.param(ErrorsAtTheHeadsThreshold, {"class"}, id="errors at the head's th"),
        pytest.param(ErrorsWithoutRaising, {"all", "class", "key"}, id="th never raised"),
        pytest.param(SecondChance, {"all", "class", "key"}, id="p chosen by R"),
        pytest.param(FirstOfEachStage, {"all", "key"}, id="the first for free"),
    ],
)
def test_a_wrong_th_is_found_out(make: Callable[[int], Contestant], found_by: set[str]) -> None:
    """Mistakes that are easily made with `th` are seen where they do harm."""
    assert found_by <= set(false_counts(kept_in_each(make)))


def test_a_coin_that_tells_its_probability_counts_right() -> None:
    """What it lacks is consistency, not truth: the test is not one that only our way of deciding could pass."""
    assert false_counts(kept_in_each(lambda seed: CoinWithThreshold(0.1, seed))) == {}
