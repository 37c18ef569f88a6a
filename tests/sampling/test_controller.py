"""What is kept per second, whatever comes.

How near to the target it can be: with the probabilities of a window given, what is kept in it has the variance Σ p·(1 - p),
plus that of the arrivals: together at most the mean T·W of what is kept (T: target, W: window), so that one standard error is
√(T·W). The sum of the probabilities themselves, which the sampler reports as its error, varies with the arrivals and the
estimate only: by √(p·(1 + 1/n) / (T·W)), p the mean probability, n the windows that the estimate is worth.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence

import pytest
from opentelemetry.context import Context

from otelkit import names
from otelkit.model.calls import Stage, StageKind
from otelkit.sampling.adaptive import OtelkitAdaptive
from otelkit.testing import FakeClock
from tests.sampling.arrivals import PIPELINE, Rates, Traffic, Window, adaptive, zipf

WINDOW_S = 10.0
SETTLED = 3
"""Windows after a change by which the throughput has to be right again."""


def throughput(window: Window) -> float:
    return sum(window.kept) / WINDOW_S


def assert_on_target(windows: Sequence[Window], target: float) -> None:
    """Every window within 10 % by its probabilities, and 4 standard errors more by what was kept."""
    chance = 4 / math.sqrt(target * WINDOW_S)
    for window in windows:
        assert window.error == pytest.approx(0, abs=0.10)
        assert throughput(window) == pytest.approx(target, rel=0.10 + chance)


def step(before: Sequence[float], after: Sequence[float], at: int) -> Rates:
    return lambda window: after if window >= at else before


TRAFFIC: dict[str, Callable[[float], list[float]]] = {
    "one key": lambda per_s: [per_s],
    "twenty keys": lambda per_s: [per_s / 20] * 20,
    "skewed keys": lambda per_s: zipf(50, per_s),
}


@pytest.mark.requirement("TRC-32", "TRC-19")
@pytest.mark.parametrize("kind", list(TRAFFIC))
@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_after_a_tenfold_step_the_throughput_is_on_target_within_three_windows(kind: str, factor: float) -> None:
    """Up or down, with one key or with many, and it stays there."""
    before = 400.0 if factor > 1 else 4000.0
    target = 200.0
    _, traffic = adaptive(target, window_s=WINDOW_S)
    windows = traffic.windows(step(TRAFFIC[kind](before), TRAFFIC[kind](before * factor), at=5), 10)

    assert_on_target(windows[SETTLED - 1 : 5], target)
    assert_on_target(windows[5 + SETTLED - 1 :], target)


def test_keys_beyond_those_told_apart_get_a_share_for_each_of_them() -> None:
    """1,500 keys where there is room for 1,000: counts are as exact as with room for all, and no trace counts for far more.

    From the first window on nothing stands for more than 50 times the mean. Then what is estimated varies by what it would if
    all had the same probability kept / came; 4 standard errors (error probability 6e-5).
    """
    _, traffic = adaptive(100.0, window_s=WINDOW_S, max_keys=1000)
    windows = traffic.windows(lambda _: [2.0] * 1500, 6)
    settled = windows[SETTLED - 1 :]
    came, kept, estimate = (
        sum(sum(values) for values in each)
        for each in zip(*((window.came, window.kept, window.estimate) for window in settled), strict=True)
    )
    mean = came / kept

    assert_on_target(settled, 100.0)
    assert estimate == pytest.approx(came, abs=4 * math.sqrt(came * (mean - 1)))
    assert max(one_in for window in windows for odds in window.one_in for one_in in odds) <= 50 * mean


def test_keys_that_are_told_apart_keep_half_of_the_target_however_many_others_come() -> None:
    """Spans that are named by their ids do not drive out the others."""
    _, traffic = adaptive(100.0, window_s=WINDOW_S, max_keys=10)
    windows = traffic.windows(step([50.0] * 10, [50.0] * 10 + [1.0] * 2000, at=1), 1 + 6)
    told_apart = [sum(window.kept[:10]) / WINDOW_S for window in windows[1 + SETTLED - 1 :]]

    # Binomial: 4 standard errors of 500 kept in a window.
    assert min(told_apart) > 50 - 4 * math.sqrt(500) / WINDOW_S


def test_when_there_is_no_room_for_a_key_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """As a warning that names the setting; not while there is room."""
    _, traffic = adaptive(100.0, max_keys=3)
    traffic.windows(lambda _: [5.0] * 3, 1)

    assert not caplog.records

    traffic.windows(lambda _: [5.0] * 4, 3)
    messages = [record.getMessage() for record in caplog.records]

    assert len(messages) == 1
    assert "more than 3 pairs of pipeline and stage" in messages[0]
    assert "sampling_max_keys" in messages[0]


def test_in_the_window_of_a_step_the_throughput_is_four_times_the_target_at_most() -> None:
    """A key that comes far more often than expected is found out before its window ends.

    At 1.5 times what was expected, which is kept at the old probability; from then on the share is kept, and an eighth of the
    window's target for each time that it doubles from 8 traces (0.2 ms) to an eighth of a window, 12 or 13 times:
    1.5 + 1 + 13 / 8, and what the noise allows (4 standard errors and 8, of 4,000 expected: 7 %), with 4 standard errors of
    2,000 kept: 9 %.
    """
    _, traffic = adaptive(200.0, window_s=WINDOW_S)
    windows = traffic.windows(step([400.0], [40_000.0], at=3), 4)

    assert throughput(windows[3]) < 200 * (1.5 + 1 + 13 / 8 + 0.07 + 0.09)


def test_a_wave_is_followed() -> None:
    """Ten times as many traces at noon as at night, in a day of 240 windows (a real one has 8,640).

    The rate changes by up to 4 % per window, which one window of delay adds to the 10 %.
    """
    target = 200.0

    def rates(window: int) -> list[float]:
        return zipf(20, 700.0 * (1 + 9 / 11 * math.sin(2 * math.pi * window / 240)))

    _, traffic = adaptive(target, window_s=WINDOW_S)
    windows = traffic.windows(rates, 240)[SETTLED:]
    errors = [window.error for window in windows if sum(window.came) > target * WINDOW_S * 1.2]

    assert max(map(abs, errors)) < 0.14
    assert statistics.mean(map(abs, errors)) < 0.04


def test_a_key_that_explodes_takes_nothing_from_the_others() -> None:
    """A thousand times as many of one key: the others are kept whole, as before."""
    target = 100.0
    usual = [1.0] * 40
    _, traffic = adaptive(target, window_s=WINDOW_S)
    windows = traffic.windows(step([*usual, 1.0], [*usual, 1000.0], at=5), 10)

    for window in windows:
        assert window.kept[:-1] == window.came[:-1]
    assert_on_target(windows[5 + SETTLED - 1 :], target)


def test_steady_traffic_is_kept_steadily() -> None:
    """No oscillation: over 60 windows the sum of the probabilities varies as little as arrivals and estimate do by themselves.

    One standard error: √(0.2·(1 + 1/7) / 1000) = 1.5 %; the spread of 50 windows is that within a factor of 1.4 (4 standard
    errors of a standard deviation from 50 values, 1 / √98 each), and one window's error tells nothing of the next.
    """
    _, traffic = adaptive(100.0, window_s=WINDOW_S)
    errors = [window.error for window in traffic.windows(lambda _: [500.0], 60)[10:]]
    mean = statistics.mean(errors)
    correlation = statistics.correlation(errors[:-1], errors[1:])

    assert mean == pytest.approx(0, abs=4 * 0.015 / math.sqrt(50))
    assert statistics.stdev(errors) < 0.015 * 1.4
    assert abs(correlation) < 4 / math.sqrt(50)


def test_what_fits_is_kept_whole() -> None:
    """Less than the target comes: nothing is thinned."""
    _, traffic = adaptive(100.0, window_s=WINDOW_S)
    windows = traffic.windows(lambda _: [20.0, 30.0, 0.5], 10)

    assert all(window.kept == window.came for window in windows)


def test_frequent_keys_get_the_same_number_and_rare_ones_are_kept_whole() -> None:
    """Max-min fairness: with 60 per second, the keys that come 1 and 2 per second keep all, the other three keep 19 each.

    Over 20 windows one standard error is √(19·200) = 62 of 3,800.
    """
    rates = [1.0, 2.0, 100.0, 400.0, 1600.0]
    _, traffic = adaptive(60.0, window_s=WINDOW_S)
    windows = traffic.windows(lambda _: rates, 25)[5:]
    kept = [sum(window.kept[key] for window in windows) for key in range(5)]
    came = [sum(window.came[key] for window in windows) for key in range(5)]

    assert kept[:2] == came[:2]
    for each in kept[2:]:
        assert each == pytest.approx(3800, abs=4 * 62 + 0.03 * 3800)


@pytest.mark.parametrize("kind", ["step", "wave", "explosion", "bursts"])
def test_counts_computed_back_are_true_while_probabilities_move(kind: str) -> None:
    """The sum of 1 / p over the kept traces of each key is within 4 standard errors of how many came.

    Its variance given the probabilities is Σ (1 - p) / p over all traces, estimated by Σ (1 - p) / p² over the kept ones.
    """
    base = zipf(12, 200.0)
    rates: dict[str, Rates] = {
        "step": step(base, [10 * each for each in base], at=4),
        "wave": lambda window: [each * (1 + 0.9 * math.sin(window)) for each in base],
        "explosion": step(base, [*base[:-1], 2000.0], at=4),
        "bursts": lambda window: [each * (10 if window % 4 == 3 else 0.2) for each in base],
    }
    _, traffic = adaptive(30.0, window_s=WINDOW_S)
    windows = traffic.windows(rates[kind], 12)
    for key in range(len(base)):
        came = sum(window.came[key] for window in windows)
        estimate = sum(window.estimate[key] for window in windows)
        variance = sum(window.variance[key] for window in windows)

        # Plus one trace: a key with all but none thinned has a variance that a few kept ones do not show.
        assert estimate == pytest.approx(came, abs=4 * math.sqrt(variance) + 1)


def test_each_trace_says_a_whole_number_even_if_the_probability_is_none() -> None:
    """15 per second come and 10 are to be kept: traces say 1 or 1/2, and 10 are kept."""
    _, traffic = adaptive(10.0, window_s=WINDOW_S)
    windows = traffic.windows(lambda _: [15.0], 40)[4:]
    kept = sum(map(throughput, windows)) / len(windows)

    assert set.union(*(window.one_in[0] for window in windows)) <= {1, 2, 3}
    # One standard error of 36 windows: √(10·360) of 3,600 kept.
    assert kept == pytest.approx(10.0, rel=4 / math.sqrt(3600) + 0.02)


def test_many_keys_at_once_cost_a_few_traces_each_and_once() -> None:
    """Fifty hot keys out of nothing: 8 traces of each, and the spare of one window, until their rates are known."""
    _, traffic = adaptive(10.0, window_s=WINDOW_S)
    windows = traffic.windows(lambda _: [40.0] * 50, 8)

    # 8 of each, the spare of 100, and the 100 that are wanted; keys found out one after the other double the first two.
    assert sum(windows[0].kept) < 2 * (8 * 50 + 100) + 100
    assert_on_target(windows[SETTLED - 1 :], 10.0)


def test_with_more_keys_than_can_be_told_apart_the_rest_share_one_place() -> None:
    """Those in the table keep their fair share, and the throughput is right."""
    sampler, traffic = adaptive(50.0, window_s=WINDOW_S, max_keys=10)
    windows = traffic.windows(lambda _: [10.0] * 200, 8)

    assert len(sampler.controller.table.entries) == 10
    assert_on_target(windows[SETTLED:], 50.0)


def test_keys_that_have_ceased_make_room() -> None:
    """Ten keys come and go, and ten others are told apart after them."""
    sampler, traffic = adaptive(50.0, window_s=WINDOW_S, max_keys=10)
    traffic.windows(lambda window: [10.0] * 10 + [0.0] * 10 if window < 3 else [0.0] * 10 + [10.0] * 10, 30)

    assert {stage for _, stage in sampler.controller.table.entries} == {f"s{number}" for number in range(10, 20)}


def test_after_a_pause_a_burst_does_not_find_it_asleep() -> None:
    """An hour of nothing, then 1,000 per second: three times the target at most is kept in that window."""
    _, traffic = adaptive(20.0, window_s=WINDOW_S)
    windows = traffic.windows(lambda window: [0.0 if 3 <= window < 363 else 1000.0], 366)

    assert sum(windows[100].came) == 0
    # The spare, the share, an eighth of that for each of up to seven doublings, and 4 standard errors of 400.
    assert throughput(windows[363]) < (2 + 7 / 8) * 20 + 4 * math.sqrt(400) / WINDOW_S + 1
    assert_on_target(windows[365:], 20.0)


def test_a_short_burst_leaves_traces_that_count_for_few() -> None:
    """5,000 traces within 50 ms, of a key that has 5 per second: some hundred are kept, none counts for more than some hundred.

    Kept are those that are still chance (8 + 1.5·50 + 4·√50), 8 more, and an eighth of the window's 100 for each of the eight
    doublings from 12 to 5,000: about 240. The weights double with it: of the last 2,500 an eighth of 100 is kept, so that each
    stands for 200.
    """
    clock = FakeClock()
    sampler = OtelkitAdaptive(10.0, window_s=WINDOW_S, clock=clock)
    traffic = Traffic(sampler, clock, WINDOW_S)
    traffic.windows(lambda _: [5.0], 4)
    rng = random.Random(6)
    kept: list[int] = []
    for gap_s in [1e-5] * 5_000 + [0.2] * 20:
        clock.advance(gap_s)
        found = sampler.decide_root(rng.getrandbits(128), Stage("s0", StageKind.FUNCTION), PIPELINE, Context())
        if found is not None:
            kept.append(round(1 / float(str(found[1][names.SAMPLING_RATE]))))

    assert 150 < len(kept) < 290
    assert max(kept) <= 400
    # The estimate's standard error, from the kept: √(Σ n·1/p) over the doublings is 650, and 40 % more by chance.
    assert math.sqrt(sum(weight * (weight - 1) for weight in kept)) < 900
    # And it is over: the four traces of the last second count for few again, though the window is not.
    assert sampler.controller.table.entries[PIPELINE, "s0"].probability > 1 / 300


def test_batches_are_kept_to_the_target_in_the_long_run() -> None:
    """200 keys whose traces come 20 at once, one batch per key and window on average: mean rates alone say too little."""
    clock = FakeClock()
    sampler = OtelkitAdaptive(50.0, window_s=WINDOW_S, clock=clock)
    rng = random.Random(9)
    stages = [Stage(f"s{number}", StageKind.FUNCTION) for number in range(200)]
    kept = [0] * 120
    for window in range(120):
        starts = sorted(((rng.uniform(0, 9.99), rng.choice(stages)) for _ in range(200)), key=lambda start: start[0])
        before = 0.0
        for at_s, stage in starts:
            clock.advance(max(0.0, at_s - before))
            before = max(before, at_s)
            for _ in range(20):
                kept[window] += sampler.decide_root(rng.getrandbits(128), stage, PIPELINE, Context()) is not None
        clock.advance(WINDOW_S - before)

    assert statistics.mean(kept[80:]) / WINDOW_S == pytest.approx(50.0, rel=0.15)


def test_probabilities_do_not_depend_on_which_traces_were_kept() -> None:
    """The same arrivals with other trace ids: other traces are kept, at the very same probabilities."""
    said = []
    for ids in (1, 2):
        sampler, traffic = adaptive(20.0, window_s=WINDOW_S, seed=4)
        own = traffic._random.getrandbits
        traffic._random.getrandbits = lambda bits, own=own, ids=ids: own(bits) ^ ((1 << 128) - 1 if ids == 2 else 0)  # type: ignore[method-assign,misc]  # the same times, other ids
        windows = traffic.windows(lambda window: [100.0, 5.0, 0.3 * window], 12)
        said.append(([w.kept for w in windows], [(e.key, e.probability) for e in sampler.controller.table]))

    assert said[0][0] != said[1][0]
    assert said[0][1] == said[1][1]
