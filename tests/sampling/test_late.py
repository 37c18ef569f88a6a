"""Decisions that count for what comes later."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from otelkit.model.traces import FragmentEnd, TraceSummary, Verdict
from otelkit.sampling.late import DECISION_BYTES, Decisions
from otelkit.sampling.tracestate import SCALE, threshold_for
from tests.sampling.tails import Made, child, root

pytestmark = pytest.mark.requirement("TRC-17")


def summary(trace_id: int, randomness: int = 0) -> TraceSummary:
    return TraceSummary(trace_id, randomness, "p", "s", False, (), 1, 1, FragmentEnd.ROOT, 0)


def verdict(probability: float, randomness: int = 0, reason: str = "normal") -> Verdict:
    threshold = threshold_for(probability)
    return Verdict(randomness >= threshold, threshold, reason, probability)


def test_a_late_span_follows_what_was_decided() -> None:
    """Also where it would not have been kept for its own sake; it leaves with the threshold that holds for both."""
    decisions = Decisions(10)
    decisions.settle(summary(1), root(1), verdict(1.0, reason="error"))

    assert decisions.settle(summary(1), child(1, 2), verdict(0.1)) == verdict(1.0, reason="error")


def test_a_late_error_is_kept_though_its_trace_was_not() -> None:
    """A threshold only falls."""
    decisions = Decisions(10)
    decisions.settle(summary(1), root(1), verdict(0.1))
    own = verdict(1.0, reason="error")

    assert decisions.settle(summary(1), child(1, 2), own) is own


def test_parts_of_a_trace_stand_for_themselves() -> None:
    """Below a run that goes on, one failed item does not keep all that come after it."""
    decisions = Decisions(10)
    decisions.settle(summary(1), child(1, 2), verdict(1.0, reason="error"))
    own = verdict(0.1)

    assert decisions.settle(summary(1), child(1, 3), own) is own


def test_the_root_is_kept_if_any_part_below_it_was() -> None:
    """A kept item of a run is never without the run's span."""
    decisions = Decisions(10)
    decisions.settle(summary(1), child(1, 2), verdict(1.0, reason="error"))
    decisions.settle(summary(1), child(1, 3), verdict(0.1))

    assert decisions.settle(summary(1), root(1), verdict(0.1)) == verdict(1.0, reason="error")


def test_tasks_of_one_trace_stand_for_themselves() -> None:
    """A worker process gets many tasks of one run: a failed one does not keep those after it."""
    decisions = Decisions(10)
    decisions.settle(summary(1), root(1, 2, parent_id=9), verdict(1.0, reason="error"))
    own = verdict(0.1)

    assert decisions.settle(summary(1), root(1, 3, parent_id=9), own) is own


def test_a_part_of_one_task_does_not_keep_the_others_of_its_trace() -> None:
    """Only the root right above it is kept with it, and parts of later tasks stand for themselves."""
    decisions = Decisions(10)
    decisions.settle(summary(1), child(1, 12, 10), verdict(1.0, reason="error"))
    own = verdict(0.1)

    assert decisions.settle(summary(1), root(1, 20, parent_id=9), own) is own
    assert not decisions.in_parts(root(1, 20, parent_id=9), [child(1, 22, 20)])
    assert decisions.in_parts(root(1, 10, parent_id=9), [child(1, 11, 10)])
    assert decisions.settle(summary(1), root(1, 10, parent_id=9), own) == verdict(1.0, reason="error")
    assert decisions.settle(summary(1), child(1, 32, 30), own) is own


def test_a_part_of_a_later_task_keeps_that_task() -> None:
    """Also after a first task of the trace has ended, so that the part may just as well be late for that one."""
    decisions = Decisions(10)
    own = verdict(0.1)
    decisions.settle(summary(1), root(1, 10, parent_id=9), own)
    decisions.settle(summary(1), child(1, 22, 20), verdict(1.0, reason="error"))

    assert decisions.settle(summary(1), root(1, 20, parent_id=9), own) == verdict(1.0, reason="error")


def test_a_late_span_of_a_request_follows_the_only_root_there_was() -> None:
    """Below a remote parent, too: a failed request is whole."""
    decisions = Decisions(10)
    decisions.settle(summary(1), root(1, 2, parent_id=9), verdict(1.0, reason="error"))

    assert decisions.settle(summary(1), child(1, 3, 2), verdict(0.1)) == verdict(1.0, reason="error")


def test_only_so_many_traces_are_remembered() -> None:
    """The last half of the limit at least, and never more than the limit."""
    decisions = Decisions(100)
    for trace_id in range(1, 10_000):
        decisions.settle(summary(trace_id), root(trace_id), verdict(0.1))
        assert len(decisions) <= 100
        assert decisions.find(max(1, trace_id - 49)) is not None

    assert decisions.find(1) is None
    decisions.forget()
    assert len(decisions) == 0


def test_a_probability_that_nobody_tells_stays_untold() -> None:
    """Kept elsewhere: there is no threshold to compare."""
    decisions = Decisions(10)
    unknown = Verdict(True, None, "parent", 1.0)
    decisions.settle(summary(1), root(1, parent_id=9), unknown)

    assert decisions.settle(summary(1), child(1, 2), unknown) is unknown


def test_counts_stay_true_however_a_trace_is_decided_on_in_parts() -> None:
    """Each span of 20,000 traces stands for as many as there are, within 4 standard errors.

    Root, two parts before it and a late span get probabilities by chance, which do not look at R. With p the probability with
    which a span really leaves, one span's weight w is 1/p with probability p: its variance is (1 - p)/p.
    """
    chance = random.Random(5)
    decisions = Decisions(100_000)
    weights, variances = [0.0] * 4, [0.0] * 4
    places: list[Made]
    for trace_id in range(20_000):
        randomness = chance.randrange(SCALE)
        places = [child(trace_id, 2), child(trace_id, 3), root(trace_id), child(trace_id, 4)]
        for place, top in enumerate(places):
            probability = chance.choice([1.0, 0.5, 0.1])
            result = decisions.settle(summary(trace_id, randomness), top, verdict(probability, randomness))
            assert result.threshold is not None
            real = (SCALE - result.threshold) / SCALE
            assert result.keep == (randomness >= result.threshold)
            weights[place] += 1 / real if result.keep else 0
            variances[place] += (1 - real) / real

    for weight, variance in zip(weights, variances, strict=True):
        assert abs(weight - 20_000) <= 4 * variance**0.5


@pytest.mark.parametrize("alike", [True, False])
def test_a_remembered_decision_takes_no_more_memory_than_it_is_said_to(alike: bool) -> None:
    """By tracemalloc: thousands that share a verdict, and as many of which each has its own."""
    chance = random.Random(7)
    count = 5000
    decisions = Decisions(2 * count)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(count):
            trace_id = chance.getrandbits(128)
            own = verdict(0.1 if alike else chance.random())
            decisions.settle(summary(trace_id), root(trace_id), own)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(decisions) == count
    assert after - before <= count * DECISION_BYTES
