"""Counts computed back from the traces that are kept at their end, and what is never missed."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest

from benchmarks.samplers.contest import Kept, run
from benchmarks.samplers.counts import LABELS, cells, wrong
from benchmarks.samplers.ours import BufferLimits, Judged, Tail
from benchmarks.samplers.traffic import SECOND, Burst, Mix, TraceClass, with_ids
from otelkit.sampling.classes import Allowance, KeepPolicy
from otelkit.sampling.tracestate import threshold_of
from tests.sampling.truth.replicas import false_counts, kept_in_each, replicas, traffic

DEFAULTS = KeepPolicy()
NARROW = KeepPolicy(slow=Allowance(1.0, 1.0), rare=Allowance(1.0, 1.0), normal=Allowance(0.5, 10.0))
HALF_SLOW = KeepPolicy(slow=Allowance(0.5, 20.0), slow_threshold_ns=SECOND)
EXACT = KeepPolicy(normal=Allowance(1.0, 0.0), budget_per_window=100)
STORM = Mix(traces=12_000, lasts_s=60.0, keys=20, error_share=0.5, bursts=(Burst(20.0, 10.0, 6_000, 1),))
STORM_POLICY = KeepPolicy(error=Allowance(1.0, 20.0))


@functools.cache
def kept_by(policy: KeepPolicy, mix: Mix | None = None) -> Sequence[Sequence[Kept]]:
    return kept_in_each(lambda seed: Judged(policy, seed), mix)


@pytest.mark.requirement("TRC-17", "TRC-33", "CFG-08")
def test_below_the_budget_every_error_is_kept_and_counts_as_one() -> None:
    """All 200 of 20,000, each with `th:0`: the count is exact."""
    failed = {trace.number for trace in traffic() if trace.trace_class is TraceClass.ERROR}
    for kept in kept_by(DEFAULTS):
        errors = [each for each in kept if each.trace.trace_class is TraceClass.ERROR]

        assert {each.trace.number for each in errors} == failed
        assert {(each.threshold, each.reason) for each in errors} == {(0, "error")}


@pytest.mark.requirement("TRC-18", "TRC-34")
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(DEFAULTS, id="the defaults"),
        pytest.param(NARROW, id="narrow budgets"),
        pytest.param(HALF_SLOW, id="half of what takes over a second"),
        pytest.param(EXACT, id="an exact number per window"),
    ],
)
def test_every_count_is_true(policy: KeepPolicy) -> None:
    """By stage, by class and by both: within 4 standard errors, though errors and slow ones are kept rather than others."""
    assert false_counts(kept_by(policy)) == {}


@pytest.mark.parametrize(("quantile", "least"), [(0.99, 0.5), (0.96, 0.9)])
def test_what_is_slow_for_its_stage_is_kept(quantile: float, least: float) -> None:
    """Of 2 % slow traces the slowest 1 % can only be half; the slowest 4 % are nearly all, where a stage could be learnt."""
    often = Counter(trace.key for trace in traffic())
    slow = [trace for trace in traffic() if trace.slow and often[trace.key] > 1_000]
    policy = KeepPolicy(slow=Allowance(1.0, 0.0), slow_quantile=quantile)
    kept = {each.trace.number for each in run(Judged(policy), replicas()[0]).kept}

    assert sum(trace.number in kept for trace in slow) > least * len(slow)


def test_every_stage_is_seen() -> None:
    """A stage that comes but once is kept: it is rare."""
    stages = {trace.key for trace in traffic()}
    for kept in kept_by(DEFAULTS):
        assert {each.trace.key for each in kept} == stages


def test_an_exact_budget_is_exact() -> None:
    """100 of each window of ten seconds, whatever comes."""
    for kept in kept_by(EXACT):
        # Verdicts come when a window is over; the last one was cut short by the end.
        per_window = Counter(each.at_ns // (10 * SECOND) for each in kept)
        last = max(per_window)

        assert {count for window, count in per_window.items() if window != last} == {100}
        assert per_window[last] <= 100


def test_a_storm_of_errors_is_thinned_and_counted() -> None:
    """6,000 errors in a minute, half of them within ten seconds, for a budget of 20 a second: all counts are true."""
    runs = kept_by(STORM_POLICY, STORM)

    assert false_counts(runs, STORM) == {}
    for kept in runs:
        errors = sum(each.trace.trace_class is TraceClass.ERROR for each in kept)
        # Two seconds' budget may be spent at once; four standard errors of what is kept at the budget all the time.
        assert errors < 62 * 20 + 4 * (62 * 20) ** 0.5
        assert errors > 40 * 20


def test_one_trace_of_each_error_survives_any_storm() -> None:
    """In each ten seconds in which an error comes, the first trace of it is kept, with the `th:0` that is true for it."""
    comes: dict[tuple[object, int], int] = {}
    for trace in sorted(replicas(STORM)[0], key=lambda each: each.end_ns):
        if trace.fingerprint is not None:
            comes.setdefault((trace.fingerprint, 0), trace.number)
    for kept in kept_by(STORM_POLICY, STORM):
        by_number = {each.trace.number: each for each in kept}

        assert [number for number in comes.values() if number not in by_number] == []
        assert {by_number[number].threshold for number in comes.values()} == {0}


def test_no_error_is_away_for_longer_than_a_window_and_what_lies_between_two_of_it() -> None:
    """Of each error, what lies between two kept traces is at most ten seconds, unless it does not come any sooner."""
    window_ns = STORM_POLICY.window_ns
    ends = defaultdict(list)
    for trace in replicas(STORM)[0]:
        if trace.fingerprint is not None:
            ends[trace.fingerprint].append(trace.end_ns)
    for kept in kept_by(STORM_POLICY, STORM):
        seen = defaultdict(list)
        for each in kept:
            if each.trace.fingerprint is not None:
                seen[each.trace.fingerprint].append(each.trace.end_ns)
        for fingerprint, times in ends.items():
            for one, next_one in zip(
                sorted(seen[fingerprint]), [*sorted(seen[fingerprint])[1:], max(times)], strict=True
            ):
                assert not [at for at in times if one + window_ns < at < next_one]


@pytest.mark.parametrize("which", ["the first child", "the root"])
@pytest.mark.parametrize("policy", [DEFAULTS, EXACT], ids=["defaults", "exact"])
def test_spans_that_leave_at_different_times_are_counted_one_by_one(which: str, policy: KeepPolicy) -> None:
    """With room for a second, parts of a trace are decided on before its end: every span tells its own `th`."""
    small = BufferLimits(bytes=1 << 20, spans=600, traces=300, age_s=1.0)
    with_children = [trace for trace in traffic() if trace.spans > 1]
    runs = []
    for seed in range(3):
        tail = Tail(policy, small, seed)
        run(tail, with_ids(with_children, seed))
        runs.append(
            [
                Kept(span.trace, 0, threshold_of(span.trace_state))
                for span in tail.left
                if (span.index == 0 if which == "the first child" else span.is_local_root)
            ]
        )

    assert any(kept.threshold for kept in runs[0])
    for label in LABELS.values():
        assert wrong(cells(with_children, runs, label)) == []
