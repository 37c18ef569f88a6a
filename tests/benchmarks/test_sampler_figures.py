"""The comparison of samplers, and the figures that its page is made of."""

from __future__ import annotations

import json
import math
import statistics
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from benchmarks import sampler_comparison
from benchmarks.samplers.coin import SilentCoin
from benchmarks.samplers.contest import Kept, run
from benchmarks.samplers.counts import LABELS, cells
from benchmarks.samplers.ema_dynamic import EmaDynamic
from benchmarks.samplers.field import FIELD
from benchmarks.samplers.figures import cost, outcome, per_slice, stage_counts
from benchmarks.samplers.jaeger_adaptive import JaegerAdaptive
from benchmarks.samplers.logfire_tail import LogfireTail
from benchmarks.samplers.ours import Tail
from benchmarks.samplers.reservoir import XRayReservoir
from benchmarks.samplers.traffic import SCALE, SECOND, Mix, TraceClass, made, with_ids
from docs import sampling
from docs.sampling_pictures import counts, throughput

TRAFFIC = made(Mix(traces=3_000, lasts_s=100.0, keys=40, bursts=()), 5)


def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sampler_comparison.RECORDED.read_text(encoding="utf-8"))
    return found


def test_everything_kept_has_nothing_wrong() -> None:
    """Full recall, no bias, no spread: by `th:0`, and by a rate that is told elsewhere."""
    by_th = [Kept(trace, trace.start_ns, 0) for trace in TRAFFIC]
    found = outcome(TRAFFIC, [by_th, by_th])

    assert (found.error_recall, found.slow_recall, found.rare_coverage) == (1.0, 1.0, 1.0)
    assert (found.collector_bias, found.best_bias, found.total_spread, found.stage_error) == (0.0, 0.0, 0.0, 0.0)


def test_what_is_told_elsewhere_helps_only_who_knows_of_it() -> None:
    """Half of the traces with a rate of 2 in an attribute: right as best known, half as the Collector counts."""
    half = [Kept(trace, trace.start_ns, told=2.0) for trace in TRAFFIC[::2]]
    found = outcome(TRAFFIC, [half, half])

    assert (found.collector_bias, found.best_bias) == (-0.5, 0.0)


def test_stages_are_counted_one_by_one() -> None:
    """The most frequent one comes first, and each is compared with itself."""
    double = [Kept(trace, 0, SCALE // 2) for trace in TRAFFIC]
    found = stage_counts(TRAFFIC, double)

    assert [count for count, _ in found] == sorted((count for count, _ in found), reverse=True)
    assert {relative for _, relative in found} == {2.0}


def test_throughput_is_cut_into_slices_of_five_seconds() -> None:
    """A slice without a trace is there too."""
    kept = [Kept(TRAFFIC[0], at_s * SECOND) for at_s in (0, 4, 5, 14)]

    assert per_slice(kept, 20.0) == [2, 1, 1, 0]


def test_a_sampler_that_holds_nothing_costs_next_to_nothing() -> None:
    """Memory and held spans are the sampler's own, not those of the traffic or of what was written down."""
    of_a_coin = cost(lambda seed: SilentCoin(0.5, seed), TRAFFIC, rounds=1)
    of_a_tail = cost(lambda seed: Tail(seed=seed), TRAFFIC, rounds=1)

    assert (of_a_coin.held_spans, of_a_coin.kib < 20) == (0, True)
    assert of_a_tail.held_spans > 0
    assert of_a_tail.kib > of_a_coin.kib


def test_the_reservoir_keeps_the_first_of_each_second() -> None:
    """One per second, and nothing of the rest where the share is 0."""
    kept = run(XRayReservoir(1, 0.0), TRAFFIC).kept
    seconds = [each.at_ns // SECOND for each in kept]

    assert len(seconds) == len(set(seconds)) == len({trace.start_ns // SECOND for trace in TRAFFIC})


def test_the_tail_keeps_errors_and_what_is_long() -> None:
    """By one duration for all stages."""
    kept = {each.trace.number for each in run(LogfireTail(2.0, 0.0), TRAFFIC).kept}

    assert kept == {trace.number for trace in TRAFFIC if trace.error_type is not None or trace.duration_ns > 2 * SECOND}


def test_ema_dynamic_gives_rare_stages_more_and_meets_its_goal() -> None:
    """After its first adjustment; what it tells is right on average."""
    runs = [run(EmaDynamic(10.0, 10, seed), TRAFFIC).kept for seed in range(10)]
    totals = [sum(kept.best_weight for kept in each) for each in runs]
    mean, error = statistics.fmean(totals), statistics.stdev(totals) / math.sqrt(len(totals))

    assert abs(mean - len(TRAFFIC)) < 4 * error
    found = outcome(TRAFFIC, runs)
    assert found.rare_coverage > 0.5
    assert len(TRAFFIC) / 10 < found.kept < len(TRAFFIC) / 4


def test_jaeger_adaptive_comes_near_its_target_and_its_lower_bound_counts_as_one() -> None:
    """0.1/s of each of forty stages, for a hundred seconds; a stage that comes once is seen."""
    kept = run(JaegerAdaptive(0.1), TRAFFIC).kept

    assert {trace.key for trace in TRAFFIC} == {each.trace.key for each in kept}
    assert {each.told for each in kept if each.told == 1.0}
    often = max({trace.key for trace in TRAFFIC}, key=lambda key: sum(trace.key == key for trace in TRAFFIC))
    later = [each for each in kept if each.trace.key == often and each.at_ns > 50 * SECOND]
    assert 1 <= len(later) <= 20


def test_the_recorded_figures_are_of_the_whole_field() -> None:
    """A sampler that joins or leaves has to be measured."""
    assert list(recorded()["samplers"]) == list(FIELD)
    assert {name: row["setting"] for name, row in recorded()["samplers"].items()} == {
        name: entry.setting for name, entry in FIELD.items()
    }


@pytest.mark.parametrize("name", FIELD)
def test_the_recorded_figures_are_what_the_samplers_do(name: str) -> None:
    """One run, now: what it keeps is within 5 % and 4 standard deviations of what is recorded."""
    traffic = made()
    kept = run(FIELD[name].make(0), with_ids(traffic, 0)).kept
    row = recorded()["samplers"][name]

    assert abs(len(kept) - row["kept"]) < 0.05 * row["kept"] + 4 * math.sqrt(row["kept"])
    errors = sum(each.trace.trace_class is TraceClass.ERROR for each in kept)
    assert abs(errors / 200 - row["error_recall"]) <= (0 if row["error_recall"] == 1 else 4 * math.sqrt(0.25 / 200))


def test_the_judgement_of_the_page_is_what_the_figures_say() -> None:
    """Its sentences are written by hand; what they claim is looked up."""
    samplers = recorded()["samplers"]
    silent = [row for row in samplers.values() if row["tells"] != "`th`"]
    ours = {name: row for name, row in samplers.items() if row["tells"] == "`th`"}

    assert all(row["collector_bias"] < -0.85 for row in silent)
    assert all(abs(row["collector_bias"]) <= 4 * row["best_bias_error"] for row in ours.values())
    assert {name for name, row in samplers.items() if row["error_recall"] == 1} == {
        *("Logfire-style tail", "otelkit_tail", "otelkit_tail, exact"),
    }
    assert min(ours, key=lambda name: ours[name]["total_spread"]) == "otelkit_ratio"
    assert samplers["otelkit_tail"]["slow_recall"] > samplers["Logfire-style tail"]["slow_recall"] + 0.1
    # From the third window on, ten times as much: 10 % and four standard errors of what is kept in 20 s.
    settled = samplers["otelkit_adaptive"]["steps"][12:16]
    assert abs(sum(settled) / 200 - 1) < 0.1 + 4 / math.sqrt(200)
    assert min(ours[name]["busiest"] for name in ours) == ours["otelkit_tail"]["busiest"]
    assert {name for name, row in samplers.items() if row["rare_coverage"] > 0.7} == {
        *("EMADynamic", "Jaeger adaptive", "otelkit_adaptive", "otelkit_tail", "otelkit_tail, exact"),
    }


def test_the_page_tells_what_is_missed_and_what_is_chance() -> None:
    """By how much each misses its target, in the table and in words; and how far off a true count may be by chance."""
    found = recorded()
    over = found["samplers"]["otelkit_adaptive"]["kept"] / 2000 - 1
    text = sampling.page(found)

    assert f"otelkit_adaptive keeps {over:.0%} more than its target here" in text
    assert f"| otelkit_adaptive | 10/s | {found['samplers']['otelkit_adaptive']['kept']:,.0f} | {over:+.0%} |" in text
    assert "+4.4% for otelkit_tail is 2.3 standard errors, as much as chance alone exceeds in 2%" in text
    assert "most strictly" not in text


def test_the_pictures_are_svg_with_their_samplers() -> None:
    """Well formed, with a point for each stage."""
    samplers = recorded()["samplers"]
    dots, lines = ET.fromstring(counts(samplers)), ET.fromstring(throughput(samplers, 10.0))

    assert len(dots.findall("{*}circle")) == 4 * len(samplers["otelkit_tail"]["stages"])
    assert len(lines.findall("{*}polyline")) == 4
    assert "otelkit_adaptive" in "".join(lines.itertext())


def test_no_place_of_the_page_stays_empty() -> None:
    """Each `{{name}}` is filled."""
    (page,) = (text for path, text in sampling.files().items() if path.suffix == ".md")

    assert "{{" not in page
    assert all(f"| {name} |" in page for name in FIELD)


def test_the_count_of_a_single_sampler_is_that_of_the_truth_tests() -> None:
    """Both ways of reckoning agree on the number of all traces."""
    kept = run(FIELD["otelkit_ratio"].make(0), TRAFFIC).kept
    (cell,) = cells(TRAFFIC, [kept], LABELS["all"])

    assert outcome(TRAFFIC, [kept, kept]).collector_bias == pytest.approx(cell.estimate / 3_000 - 1)
