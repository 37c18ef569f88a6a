"""Where what otelkit promises of sampling does not hold yet, each with its reason; a test that begins to pass goes red here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest

from benchmarks.samplers.contest import Contestant, run
from benchmarks.samplers.ours import Adaptive, BufferLimits, Judged, Tail
from benchmarks.samplers.traffic import SCALE, SECOND
from otelkit.sampling.classes import Allowance, KeepPolicy
from tests.sampling.truth.replicas import replicas, thresholds_of, traffic


@pytest.mark.xfail(
    strict=True,
    reason="a window that ends early for want of room is followed by one with a whole budget: with a buffer for fewer traces "
    "than the budget everything is kept, and nothing says so",
)
def test_an_exact_budget_is_not_exceeded_where_the_buffer_is_too_small_for_it() -> None:
    """100 traces of every ten seconds, with room for 50."""
    policy = KeepPolicy(normal=Allowance(1.0, 0.0), budget_per_window=100)
    kept = run(Tail(policy, BufferLimits(bytes=1 << 20, spans=100, traces=50, age_s=1.0)), replicas()[0]).kept

    # Two windows may end within ten seconds that are not theirs.
    assert max(Counter(each.at_ns // (10 * SECOND) for each in kept).values()) <= 200


@pytest.mark.xfail(
    strict=True,
    reason="the certain first traces of each error use the budget up, and what has overspent it lowers the probability of the "
    "others by its square, down to a millionth: they are never kept, and their count is a lottery",
)
def test_errors_beyond_their_budget_can_still_be_counted() -> None:
    """With a budget that the first trace of each error uses up, the others' count is not exact, but not all chance either."""
    policy = KeepPolicy(error=Allowance(1.0, 0.3))
    thresholds = thresholds_of(lambda seed: Judged(policy, seed))
    weights = [SCALE / (SCALE - thresholds[trace.number]) for trace in traffic() if trace.error_type is not None]

    assert math.sqrt(sum(weight - 1 for weight in weights)) < len(weights)


@pytest.mark.xfail(
    strict=True,
    reason="a burst is thinned to the stage's share of the target with no bound on 1 / p, and stays so for the rest of the "
    "window: one trace kept of it counts for thousands, so that a stage's count varies by as much as the count itself",
)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda seed: Adaptive(10.0, seed=seed), id="otelkit_adaptive"),
        pytest.param(
            lambda seed: Judged(KeepPolicy(normal=Allowance(1.0, 5.5)), seed), id="a normal budget of otelkit_tail"
        ),
    ],
)
def test_a_burst_leaves_the_count_of_its_stage_usable(make: Callable[[int], Contestant]) -> None:
    """At most four times the relative standard error that as many kept traces have at one probability: 1 / √kept."""
    thresholds = thresholds_of(make)
    weights: dict[tuple[str, str], list[float]] = {}
    for trace in traffic():
        weights.setdefault(trace.key, []).append(SCALE / (SCALE - thresholds[trace.number]))
    frequent = [found for found in weights.values() if len(found) >= 1_000]
    errors = [math.sqrt(sum(weight - 1 for weight in found)) / len(found) for found in frequent]
    usual = [1 / math.sqrt(sum(1 / weight for weight in found)) for found in frequent]

    assert max(error / one for error, one in zip(errors, usual, strict=True)) <= 4
