"""`otelkit_tail` where room or budget is far too small for what comes: inside its limits, and still countable."""

from __future__ import annotations

import math
from collections import Counter

from benchmarks.samplers.contest import run
from benchmarks.samplers.ours import BufferLimits, Judged, Tail
from benchmarks.samplers.traffic import SCALE, SECOND
from otelkit.sampling.classes import Allowance, KeepPolicy
from tests.sampling.truth.replicas import replicas, thresholds_of, traffic


def test_an_exact_budget_is_not_exceeded_where_the_buffer_is_too_small_for_it() -> None:
    """100 traces of every ten seconds, with room for 50."""
    policy = KeepPolicy(normal=Allowance(1.0, 0.0), budget_per_window=100)
    kept = run(Tail(policy, BufferLimits(bytes=1 << 20, spans=100, traces=50, age_s=1.0)), replicas()[0]).kept

    # Two windows may end within ten seconds that are not theirs.
    assert 0 < max(Counter(each.at_ns // (10 * SECOND) for each in kept).values()) <= 200


def test_errors_beyond_their_budget_can_still_be_counted() -> None:
    """With a budget that the first trace of each error uses up, the others' count is not exact, but not all chance either."""
    policy = KeepPolicy(error=Allowance(1.0, 0.3))
    thresholds = thresholds_of(lambda seed: Judged(policy, seed))
    weights = [SCALE / (SCALE - thresholds[trace.number]) for trace in traffic() if trace.error_type is not None]

    assert math.sqrt(sum(weight - 1 for weight in weights)) < len(weights)
