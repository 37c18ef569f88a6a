"""The judge: classes, thresholds, survivors, and counts that stay true."""

from __future__ import annotations

import math
import os
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest

from otelkit import names
from otelkit.model.traces import Fingerprint, FragmentEnd, TraceSummary, Verdict
from otelkit.sampling.classes import Allowance, KeepPolicy
from otelkit.sampling.judgement import Judge
from otelkit.sampling.tracestate import SCALE, threshold_for
from tests.forking import in_child
from tests.sampling.traces import SECOND, arrivals, fragment

BAD_FILE = Fingerprint("SyntaxError", "steps.py:31 parse", "parse")
NO_DISK = Fingerprint("OSError", "writer.py:7 store", "store")
LOW, HIGH = 1, SCALE - 1
NORMAL = threshold_for(0.1)


def seasoned(policy: KeepPolicy | None = None) -> Judge:
    """Return a judge that knows the stage `parse`, which takes 10 ms."""
    judge = Judge(policy or KeepPolicy())
    for _ in range(200):
        judge.judge(fragment(HIGH), 0)
    return judge


def verdict_of(judge: Judge, trace: TraceSummary, now_ns: int = SECOND) -> Verdict:
    verdict = judge.judge(trace, now_ns)
    assert verdict is not None
    return verdict


@pytest.mark.requirement("TRC-17", "TRC-33")
def test_a_failed_trace_is_kept_with_certainty() -> None:
    """Even the one with the lowest randomness."""
    assert Verdict(True, 0, "error", 1.0) == verdict_of(seasoned(), fragment(LOW, errors=(BAD_FILE,)))


@pytest.mark.requirement("TRC-18")
def test_one_normal_trace_in_ten_is_kept() -> None:
    """By its randomness: R >= (1 - 0.1) · 2⁵⁶."""
    judge = seasoned()

    assert Verdict(True, NORMAL, "normal", 0.1) == verdict_of(judge, fragment(NORMAL))
    assert not verdict_of(judge, fragment(NORMAL - 1)).keep


@pytest.mark.requirement("TRC-34")
def test_a_slow_trace_is_kept() -> None:
    """By what its stage took before; with a constant from the first trace on."""
    assert verdict_of(seasoned(), fragment(LOW, duration_ns=20_000_000)).reason == "slow"

    judge = Judge(KeepPolicy(slow=Allowance(0.5, 0), slow_threshold_ns=SECOND))
    judge.judge(fragment(LOW), 0)

    assert not verdict_of(judge, fragment(SCALE // 2 - 1, duration_ns=SECOND + 1)).keep
    assert Verdict(True, SCALE // 2, "slow", 0.5) == verdict_of(judge, fragment(SCALE // 2, duration_ns=SECOND + 1))
    assert verdict_of(judge, fragment(HIGH, duration_ns=SECOND)).reason == "normal"


def test_the_first_of_a_stage_is_rare() -> None:
    """And again after a window without it."""
    judge = seasoned()
    first = verdict_of(judge, fragment(LOW, stage="monthly"))

    assert Verdict(True, 0, "rare", 1.0) == first
    assert verdict_of(judge, fragment(LOW, stage="monthly")).reason == "normal"
    assert verdict_of(judge, fragment(LOW, stage="monthly"), SECOND + 600 * SECOND).reason == "rare"


def test_more_stages_than_are_told_apart_are_not_rare_for_ever() -> None:
    """1,100 by turns where there is room for 1,000: those are rare once each, and all else is normal."""
    judge = Judge(KeepPolicy(rare=Allowance(1.0, 0.0), max_keys=1000))
    turns = [(turn, stage) for turn in range(5) for stage in range(1100)]
    reasons = Counter(
        verdict_of(judge, fragment(HIGH, stage=f"step{stage}"), turn * SECOND).reason for turn, stage in turns
    )

    assert reasons == {"rare": 1000, "normal": 4500}


def test_of_more_stages_than_there_is_room_for_the_latest_are_remembered() -> None:
    """Where a limit is lower than when they were written down."""
    before, after = Judge(KeepPolicy()), Judge(KeepPolicy(max_keys=2))
    for second, stage in enumerate(("first", "second", "third")):
        before.judge(fragment(HIGH, stage=stage), second * SECOND)
    after.remember(before.learnt())

    assert verdict_of(after, fragment(HIGH, stage="third"), 600 * SECOND).reason == "normal"


def test_what_others_decided_is_never_undone() -> None:
    """The threshold of whoever kept the trace before us is the least of ours; both say th."""
    judge = seasoned()
    half = SCALE // 2

    assert Verdict(True, half, "error", 0.5) == verdict_of(
        judge, fragment(HIGH, errors=(BAD_FILE,), parent_threshold=half)
    )
    assert verdict_of(judge, fragment(HIGH, parent_threshold=half)).threshold == NORMAL
    assert verdict_of(judge, fragment(HIGH, parent_threshold=NORMAL + 5)).threshold == NORMAL + 5


def test_a_trace_of_unknown_probability_is_kept_without_one() -> None:
    """A sampled remote parent that tells no ``th`` is believed."""
    verdict = verdict_of(seasoned(), fragment(LOW, parent_threshold=None))

    assert (verdict.keep, verdict.threshold, verdict.reason) == (True, None, "parent")


@pytest.mark.requirement("TRC-20")
def test_a_trace_that_somebody_asked_for_is_kept() -> None:
    """Whatever it is."""
    assert Verdict(True, 0, "debug", 1.0) == verdict_of(seasoned(), fragment(LOW, forced=True))


@pytest.mark.parametrize("end", [FragmentEnd.AGE, FragmentEnd.PRESSURE])
def test_what_is_judged_before_its_end_says_so(end: FragmentEnd) -> None:
    """A real decision with a true threshold; what failed by then is an error all the same."""
    judge = seasoned()

    assert Verdict(True, NORMAL, "evicted", 0.1) == verdict_of(judge, fragment(HIGH, end=end))
    assert not verdict_of(judge, fragment(LOW, end=end)).keep
    assert verdict_of(judge, fragment(LOW, end=end, errors=(BAD_FILE,))).reason == "error"


def test_what_was_cut_short_does_not_make_others_slow() -> None:
    """Durations are learnt from traces that came to their end, and well."""
    judge = Judge(KeepPolicy())
    for number in range(1000):
        short = fragment(HIGH, duration_ns=10, end=FragmentEnd.PRESSURE)
        judge.judge(short if number % 2 else fragment(HIGH, duration_ns=10, errors=(BAD_FILE,)), number)

    assert verdict_of(judge, fragment(HIGH)).reason == "normal"


@pytest.mark.parametrize("end", [end for end in FragmentEnd if end is not FragmentEnd.ROOT])
def test_a_part_without_its_local_root_is_never_rare_and_teaches_nothing(end: FragmentEnd) -> None:
    """Its outermost stage may be one that no trace starts with; when one does, it is the first."""
    judge = Judge(KeepPolicy())
    for number in range(1000):
        part = fragment(LOW, stage=f"inner{number % 4}", duration_ns=10, end=end)

        assert not verdict_of(judge, part, number).keep

    assert judge.learnt() == {"durations": [], "seen": []}
    assert verdict_of(judge, fragment(LOW, stage="inner1")).reason == "rare"


def test_in_a_storm_one_of_each_error_survives_every_window() -> None:
    """5,000 of one error per second and one other every 3 s, none of them lucky: each is kept once per window of 10 s."""
    judge = seasoned()
    kept: Counter[tuple[Fingerprint, int]] = Counter()
    for number in range(40 * 5_000):
        now_ns = SECOND + number * SECOND // 5_000
        error = NO_DISK if number % 15_000 == 0 else BAD_FILE
        verdict = verdict_of(judge, fragment(LOW, errors=(error,)), now_ns)
        if verdict.keep:
            kept[error, number // 50_000] += 1
            assert verdict.threshold == 0
            assert verdict.rate == 1.0
    storm = {window: number for (error, window), number in kept.items() if error is BAD_FILE}

    assert all(kept[error, window] >= 1 for error in (BAD_FILE, NO_DISK) for window in range(4))
    # Only the second's worth that may come at once is kept besides, before the storm is thinned.
    assert all(storm[window] == 1 for window in (1, 2, 3))


def test_an_error_flood_stays_within_the_budget_and_its_count_is_true() -> None:
    """2,000 failures per second for 60 s: about 100 per second are kept, and stand for all of them.

    Variance of the adjusted count: the sum of (1 - p) / p over all traces, derived from p's known beforehand.
    """
    judge = seasoned()
    rng = random.Random(1)
    times = arrivals(rng, 2_000, 60, start_s=2)
    kept_late = 0
    estimate = variance = 0.0
    for now_ns in times:
        verdict = verdict_of(judge, fragment(rng.getrandbits(56), errors=(BAD_FILE,)), now_ns)
        variance += (1 - verdict.rate) / verdict.rate
        if verdict.keep:
            estimate += 1 / verdict.rate
            kept_late += now_ns > 32 * SECOND
            assert abs(1 / verdict.rate - round(1 / verdict.rate)) < 1e-6

    assert abs(estimate - len(times)) <= 4 * math.sqrt(variance)
    # The number kept in 30 s has a standard error below sqrt(3000) = 55.
    assert abs(kept_late - 3_000) <= 300 + 4 * 55


def traffic(rng: random.Random, traces: int) -> Iterable[tuple[int, TraceSummary, str]]:
    """Yield a skewed mix: 40 stages, 1 % errors, 2 % slow ones; with what each is in truth."""
    for number in range(traces):
        stage = f"s{min(39, int(rng.paretovariate(1.0)))}"
        roll = rng.random()
        errors = (Fingerprint("ValueError", "f.py:1 f", stage),) if roll < 0.01 else ()
        slow = 0.01 <= roll < 0.03
        duration_ns = round(rng.lognormvariate(16, 0.2) * (20 if slow else 1))
        kind = "error" if errors else "slow" if slow else "normal"
        trace = fragment(rng.getrandbits(56), stage=stage, errors=errors, duration_ns=duration_ns)
        yield SECOND + number * SECOND // 200, trace, kind


def test_no_threshold_depends_on_the_randomness_of_any_trace() -> None:
    """The same traffic with other trace ids, an error storm in it: each trace has the very same threshold and class."""

    def thresholds(seed: int) -> list[tuple[int | None, str]]:
        judge = Judge(KeepPolicy(error=Allowance(1.0, 5.0), normal=Allowance(0.5, 3.0), slow=Allowance(1.0, 1.0)))
        ids = random.Random(seed)
        given = []
        for now_ns, trace, _ in traffic(random.Random(4), 6_000):
            verdict = verdict_of(judge, replace(trace, randomness=ids.getrandbits(56)), now_ns)
            given.append((verdict.threshold, verdict.reason))
        return given

    first = thresholds(1)

    assert first == thresholds(2)
    assert len(set(first)) > 20


def test_it_says_what_it_goes_by() -> None:
    """`otelkit plan` shows it."""
    assert (
        str(Judge(KeepPolicy(budget_per_window=50)))
        == "error 1 up to 100/s, rare 1 up to 20/s, slow 1 up to 20/s, normal 0.1, 50 per 10 s"
    )


@pytest.mark.parametrize("exact", [0, 100])
@pytest.mark.requirement("TRC-33", "PERF-16", "TRC-08")
def test_counts_computed_back_from_what_is_kept_are_true(exact: int) -> None:
    """20,000 traces: the adjusted counts per class are within 4 standard errors, whether the number is fixed or not."""
    judge = Judge(KeepPolicy(budget_per_window=exact))
    answers: list[tuple[TraceSummary, Verdict]] = []
    kinds: dict[int, str] = {}
    now_ns = 0
    for now_ns, trace, kind in traffic(random.Random(2), 20_000):
        kinds[id(trace)] = kind
        verdict = judge.judge(trace, now_ns)
        if verdict is not None:
            answers.append((trace, verdict))
        answers += judge.decided(now_ns)
    answers += judge.decided(now_ns, at_once=True)
    true = Counter(kinds.values())
    estimates = dict.fromkeys(true, 0.0)
    variances = dict.fromkeys(true, 0.0)
    for trace, verdict in answers:
        assert verdict.threshold is not None
        assert verdict.keep == (trace.randomness >= verdict.threshold)
        if verdict.keep:
            estimates[kinds[id(trace)]] += 1 / verdict.rate
            variances[kinds[id(trace)]] += (1 - verdict.rate) / verdict.rate**2

    assert len(answers) == 20_000
    assert estimates["error"] == true["error"]
    for kind in true:
        assert abs(estimates[kind] - true[kind]) <= 4 * math.sqrt(variances[kind]), kind
    if exact:
        assert sum(verdict.keep for _, verdict in answers) == exact * 10


def test_the_exact_budget_says_at_once_who_is_out_and_later_who_is_in() -> None:
    """Of three normal traces and a budget of two, the one with the lowest randomness is told out, the others wait."""
    judge = Judge(KeepPolicy(normal=Allowance(1.0, 0.0), rare=Allowance(1.0, 0.0), budget_per_window=2))
    first, second, third = (fragment(randomness * SCALE // 10) for randomness in (5, 3, 4))
    judge.judge(fragment(HIGH), 0)
    judge.decided(0, at_once=True)
    open_ones = [judge.judge(trace, SECOND) for trace in (first, second, third)]
    told = list(judge.decided(SECOND))
    later = {trace.randomness: verdict for trace, verdict in judge.decided(12 * SECOND)}

    assert open_ones == [None, None, None]
    assert [(second, False)] == [(trace, verdict.keep) for trace, verdict in told]
    assert {first.randomness, third.randomness} == set(later)
    assert {True} == {verdict.keep for verdict in later.values()}
    assert {"budget"} == {verdict.reason for verdict in later.values()}
    # The first one left out sets the threshold.
    assert all(second.randomness < (verdict.threshold or 0) <= second.randomness + 64 for verdict in later.values())


def test_where_memory_is_short_fewer_are_kept_and_their_thresholds_are_true() -> None:
    """Half of those who would have been kept are told out, the worst ones; the others say so by their threshold."""
    judge = Judge(KeepPolicy(normal=Allowance(1.0, 0.0), rare=Allowance(1.0, 0.0), budget_per_window=8))
    judge.judge(fragment(HIGH), 0)
    judge.decided(0, at_once=True)
    waiting = [fragment(number * SCALE // 10) for number in range(1, 9)]
    for trace in waiting:
        judge.judge(trace, SECOND)
    out = judge.relieve(SECOND)
    kept = judge.decided(20 * SECOND)

    assert {trace.randomness: verdict.keep for trace, verdict in out} == {
        trace.randomness: False for trace in waiting[:4]
    }
    assert [trace for trace, _ in kept] == waiting[4:]
    for _, verdict in kept:
        assert verdict.threshold is not None
        assert waiting[3].randomness < verdict.threshold <= waiting[4].randomness


def test_the_exact_budget_prefers_errors() -> None:
    """200 normal traces do not push out an error with the lowest randomness."""
    judge = Judge(KeepPolicy(normal=Allowance(1.0, 0.0), budget_per_window=10))
    rng = random.Random(3)
    error = fragment(LOW, errors=(BAD_FILE,))
    judge.judge(error, 0)
    for _ in range(200):
        judge.judge(fragment(rng.getrandbits(56)), 0)
    kept = {trace.randomness: verdict for trace, verdict in judge.decided(10 * SECOND) if verdict.keep}

    assert len(kept) == 10
    assert Verdict(True, 0, "error", 1.0) == kept[LOW]


def test_the_exact_budget_does_not_exceed_the_share_of_a_class() -> None:
    """Room in the window is no reason to keep more normal traces than the share says, and th is that of the share."""
    judge = seasoned(KeepPolicy(budget_per_window=1000))
    judge.decided(0, at_once=True)

    assert verdict_of(judge, fragment(LOW)).keep is False
    assert judge.judge(fragment(HIGH), SECOND) is None
    assert [Verdict(True, NORMAL, "budget", 0.1)] == [verdict for _, verdict in judge.decided(SECOND, at_once=True)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_in_a_forked_child_nothing_waits_for_the_end_of_a_window() -> None:
    """It may end at any moment; and what waits in its parent is the parent's."""
    judge = seasoned(KeepPolicy(budget_per_window=10))
    waiting = judge.judge(fragment(HIGH), SECOND)

    def child() -> list[str | int]:
        verdict = verdict_of(judge, fragment(HIGH))
        return [verdict.reason, verdict.rate > 0.09, len(judge.decided(60 * SECOND, at_once=True))]

    assert waiting is None
    assert in_child(child) == ["normal", True, 0]
    assert len(judge.decided(60 * SECOND)) > 0


def test_under_load_half_as_many_normal_traces_are_kept() -> None:
    """And as many errors as ever; what is chosen is a whole 1 / k."""
    judge = Judge(KeepPolicy(), normal_factor=lambda: 0.5)
    judge.judge(fragment(HIGH), 0)

    assert verdict_of(judge, fragment(HIGH)).rate == pytest.approx(1 / 20, rel=1e-12)
    assert verdict_of(judge, fragment(LOW, errors=(BAD_FILE,))).rate == 1.0


def test_decisions_are_counted_and_told_as_figures() -> None:
    """By class, kept or not; with the probability in force."""
    judge = Judge(KeepPolicy())
    judge.judge(fragment(LOW), 0)
    judge.judge(fragment(HIGH), 0)
    judge.judge(fragment(LOW), 0)
    judge.judge(fragment(LOW, errors=(BAD_FILE,)), 0)
    figures = list(judge.figures())
    counts = {
        (figure.attributes[names.SAMPLING_CLASS], figure.attributes[names.SAMPLING_KEPT]): figure.value
        for figure in figures
        if figure.metric == names.METRIC_SAMPLING_DECISIONS
    }
    chances = {
        figure.attributes[names.SAMPLING_CLASS]: figure.value
        for figure in figures
        if figure.metric == names.METRIC_SAMPLING_PROBABILITY
    }

    assert counts == {("rare", True): 1, ("normal", True): 1, ("normal", False): 1, ("error", True): 1}
    assert {"rare": 1.0, "normal": pytest.approx(0.1), "error": 1.0} == chances
    assert {figure.metric for figure in figures} == {names.METRIC_SAMPLING_DECISIONS, names.METRIC_SAMPLING_PROBABILITY}


def test_while_a_budget_is_short_its_error_is_told() -> None:
    """The relative distance from the budget, near 0 once it has settled."""
    judge = seasoned()
    for number in range(40_000):
        judge.judge(fragment(LOW, errors=(BAD_FILE,)), SECOND + number * 1_000_000)
    (figure,) = [figure for figure in judge.figures() if figure.metric == names.METRIC_SAMPLING_CONTROLLER_ERROR]

    assert dict(figure.attributes) == {names.SAMPLING_CLASS: "error"}
    assert abs(figure.value) < 0.1


def test_memory_is_bounded_whatever_comes() -> None:
    """A hundred thousand stages and errors leave at most ``max_keys`` of anything behind."""
    judge = Judge(KeepPolicy(max_keys=20))
    for number in range(100_000):
        errors = (Fingerprint(f"E{number}", "", "s"),) if number % 2 else ()
        judge.judge(fragment(number, stage=str(number), errors=errors), number * 100_000)

    assert len(judge._keys) <= 20
    assert len(judge._errors) <= 20
    assert len(judge._slowness) <= 20
    assert all(len(budget) <= 21 for budget in judge._budgets.values())
