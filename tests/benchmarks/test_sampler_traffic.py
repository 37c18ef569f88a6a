"""The traffic that samplers are compared on."""

from __future__ import annotations

import statistics
from collections import Counter

from benchmarks.samplers.contest import Contestant, events, run
from benchmarks.samplers.traffic import SECOND, Burst, MadeTrace, Mix, TraceClass, made, with_ids

SMALL = Mix(traces=2_000, lasts_s=20.0, bursts=(Burst(5.0, 1.0, 500, 2),))


def test_equal_seeds_make_equal_traffic() -> None:
    """So that everybody's figures can be made again."""
    assert made(SMALL, 1) == made(SMALL, 1)
    assert made(SMALL, 1) != made(SMALL, 2)


def test_the_mix_is_what_it_claims() -> None:
    """20,000 traces, exactly 1 % errors and 2 % slow ones, stages by Zipf's law, three bursts."""
    traces = made()
    classes = Counter(trace.trace_class for trace in traces)
    stages = Counter(trace.stage for trace in traces)
    per_s = Counter(trace.start_ns // SECOND for trace in traces)

    assert classes == {TraceClass.NORMAL: 19_400, TraceClass.SLOW: 400, TraceClass.ERROR: 200}
    assert stages["stage-001"] > 1_000 * statistics.median(stages.values()) / 10
    assert sum(count <= 5 for count in stages.values()) > 100
    assert min(per_s[second] for second in (31, 32, 95)) > 2.5 * statistics.median(per_s.values())
    assert [trace.number for trace in traces] == list(range(20_000))
    assert sorted(trace.start_ns for trace in traces) == [trace.start_ns for trace in traces]


def test_slow_ones_are_slow_for_their_stage() -> None:
    """They last at least three times as long as the median of those of their stage that are not slow."""
    traces = made()
    usual: dict[str, list[int]] = {}
    for trace in traces:
        if not trace.slow:
            usual.setdefault(trace.stage, []).append(trace.duration_ns)
    medians = {stage: statistics.median(found) for stage, found in usual.items() if len(found) >= 10}

    assert all(
        trace.duration_ns > 3 * medians[trace.stage] for trace in traces if trace.slow and trace.stage in medians
    )


def test_other_ids_change_nothing_else() -> None:
    """The same traffic can be sampled again."""
    one, other = (with_ids(made(SMALL, 1), seed) for seed in (1, 2))

    assert [trace.trace_id for trace in one] != [trace.trace_id for trace in other]
    assert [(trace.start_ns, trace.stage, trace.trace_class) for trace in one] == [
        (trace.start_ns, trace.stage, trace.trace_class) for trace in other
    ]


class Writer(Contestant):
    """Writes down what comes, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, int, int]] = []
        self.ticks: list[int] = []

    def starts(self, trace: MadeTrace) -> None:
        self.seen.append(("start", trace.number, self.now_ns - trace.start_ns))

    def ends(self, trace: MadeTrace) -> None:
        self.seen.append(("end", trace.number, self.now_ns - trace.end_ns))

    def tick(self) -> None:
        self.ticks.append(self.now_ns)


def test_everything_comes_once_and_at_its_time() -> None:
    """Starts before ends, each when it is due by the contestant's clock, and a tick for every second."""
    traces = made(SMALL, 1)
    writer = Writer()
    run(writer, traces)

    assert {late for _, _, late in writer.seen} == {0}
    assert Counter((kind, number) for kind, number, _ in writer.seen) == {
        (kind, trace.number): 1 for trace in traces for kind in ("start", "end")
    }
    assert writer.ticks == [SECOND * (n + 1) for n in range(len(writer.ticks))]
    assert len(writer.ticks) == max(trace.end_ns for trace in traces) // SECOND
    assert sum(1 for _ in events(traces)) == len(writer.seen) + len(writer.ticks)
