"""No probability depends on the randomness that is compared with it: the one thing that unbiased counts rest on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.ours import USUAL_LIMITS, Adaptive, BufferLimits, Judged, Ratio, Rules, Tail
from benchmarks.samplers.traffic import SCALE, Burst, Mix
from otelkit.sampling.classes import Allowance, KeepPolicy
from tests.sampling.truth.replicas import false_counts, kept_at, kept_in_each, replicas, thresholds_of

STORM = Mix(traces=12_000, lasts_s=60.0, keys=20, error_share=0.5, bursts=(Burst(20.0, 10.0, 6_000, 1),))
MANY_KEYS = Mix(traces=10_000, lasts_s=100.0, keys=3_000, exponent=1.1, bursts=())
NARROW = KeepPolicy(
    error=Allowance(1.0, 20.0), slow=Allowance(1.0, 1.0), rare=Allowance(1.0, 1.0), normal=Allowance(0.5, 10.0)
)
SMALL = BufferLimits(bytes=1 << 20, spans=100, traces=50, age_s=1.0)

CASES = [
    pytest.param(lambda seed: Ratio(0.1, seed), None, id="otelkit_ratio"),
    pytest.param(lambda seed: Rules(["stage=stage-00* -> 0.3"], 0.1, seed), None, id="otelkit_rules"),
    pytest.param(lambda seed: Adaptive(10.0, 10.0, seed), None, id="otelkit_adaptive"),
    pytest.param(lambda seed: Adaptive(50.0, 2.0, seed), MANY_KEYS, id="otelkit_adaptive, 3,000 stages, short windows"),
    pytest.param(lambda seed: Judged(NARROW, seed), None, id="judge, narrow budgets"),
    pytest.param(lambda seed: Judged(NARROW, seed), MANY_KEYS, id="judge, narrow budgets, 3,000 stages"),
    pytest.param(lambda seed: Tail(NARROW, USUAL_LIMITS, seed), STORM, id="otelkit_tail, storm of errors"),
    pytest.param(lambda seed: Tail(NARROW, SMALL, seed), None, id="otelkit_tail, small buffer"),
]


@pytest.mark.parametrize(("make", "mix"), CASES)
def test_thresholds_do_not_depend_on_trace_ids_and_counts_are_true(
    make: Callable[[int], Contestant], mix: Mix | None
) -> None:
    """The thresholds of a run in which all trace ids pass are those of every other run, in which a trace is kept exactly if R
    reaches its own; and every count of all runs is within 4 standard errors of the truth."""
    thresholds = thresholds_of(make, mix)
    runs = kept_in_each(make, mix)
    kept = [{each.trace.number: each.threshold for each in run} for run in runs]

    assert [len(found) for found in kept] == [len(run) for run in runs]
    assert kept == kept_at(thresholds, mix)
    assert false_counts(runs, mix, thresholds) == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(lambda seed: Ratio(0.05, seed), lambda seed: Adaptive(10.0, seed=seed), id="ratio, adaptive"),
        pytest.param(lambda seed: Adaptive(5.0, seed=seed), lambda seed: Adaptive(20.0, seed=seed), id="two targets"),
        pytest.param(lambda seed: Ratio(0.1, seed), lambda seed: Judged(KeepPolicy(), seed), id="ratio, tail"),
        pytest.param(lambda seed: Adaptive(10.0, seed=seed), lambda seed: Judged(NARROW, seed), id="adaptive, tail"),
    ],
)
def test_different_samplers_agree_on_traces(
    one: Callable[[int], Contestant], other: Callable[[int], Contestant]
) -> None:
    """Of each trace the one with the higher probability keeps it whenever the other does: nested, trace by trace."""
    first, second = thresholds_of(one), thresholds_of(other)
    for kept_first, kept_second in zip(
        *([{k.trace.number for k in run} for run in kept_in_each(make)] for make in (one, other)), strict=True
    ):
        for number in range(len(replicas()[0])):
            likelier, less = (kept_first, kept_second) if first[number] <= second[number] else (kept_second, kept_first)
            assert number in likelier or number not in less


def test_the_whole_of_1_by_p() -> None:
    """What otelkit chooses itself is 1 / k, to the last bit that a threshold has."""
    for make, mix in (
        (lambda seed: Adaptive(10.0, seed=seed), None),
        (lambda seed: Judged(KeepPolicy(error=Allowance(1.0, 20.0)), seed), STORM),
    ):
        for threshold in set(thresholds_of(make, mix)):
            whole = round(SCALE / (SCALE - threshold))

            assert abs(SCALE - threshold - SCALE / whole) <= 8
