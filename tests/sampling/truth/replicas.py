"""The traffic of the truth tests, and the same traffic with other trace ids: made once for all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.samplers.contest import Contestant, Kept, run
from benchmarks.samplers.counts import LABELS, Cell, cells, wrong
from benchmarks.samplers.traffic import SCALE, MadeTrace, Mix, all_kept, made, with_ids

REPLICAS: Final = 5
"""The same 20,000 traces, five times with other ids: so that stages with few traces are judged by themselves, too."""


@functools.cache
def traffic() -> Sequence[MadeTrace]:
    """Return 20,000 traces: 300 stages by Zipf's law, 1 % errors, 2 % slow, waves and three bursts."""
    return made()


@functools.cache
def replicas(mix: Mix | None = None) -> Sequence[Sequence[MadeTrace]]:
    """Return the traffic with five different sets of trace ids."""
    traces = traffic() if mix is None else made(mix)
    return [with_ids(traces, seed) for seed in range(REPLICAS)]


def kept_in_each(make: Callable[[int], Contestant], mix: Mix | None = None) -> list[list[Kept]]:
    """Let each replica pass a sampler of its own, made with its number as seed; return what was kept."""
    return [run(make(seed), replica).kept for seed, replica in enumerate(replicas(mix))]


def thresholds_of(make: Callable[[int], Contestant], mix: Mix | None = None) -> list[int]:
    """Return the threshold of every trace by its number: what each says when it is kept whatever the threshold is.

    It holds for other trace ids exactly if no threshold depends on the randomness, neither its own nor that of others.

    Raises:
        AssertionError: A trace was not kept, or came without ``th``.
    """
    traces = all_kept(replicas(mix)[0])
    found = {kept.trace.number: kept.threshold for kept in run(make(0), traces).kept}

    assert found.keys() == {trace.number for trace in traces}
    thresholds = [threshold for _, threshold in sorted(found.items()) if threshold is not None]
    assert len(thresholds) == len(traces)
    return thresholds


def kept_at(thresholds: Sequence[int], mix: Mix | None = None) -> list[dict[int, int]]:
    """Return what has to be kept of each replica at these thresholds: the threshold of each kept trace by its number."""
    return [
        {trace.number: thresholds[trace.number] for trace in replica if trace.randomness >= thresholds[trace.number]}
        for replica in replicas(mix)
    ]


def false_counts(
    runs: Sequence[Sequence[Kept]], mix: Mix | None = None, thresholds: Sequence[int] | None = None
) -> dict[str, list[Cell]]:
    """Return, for each thing that is counted, the cells beyond 4 standard errors; empty: all counts are true.

    Args:
        runs: What was kept of each replica.
        mix: What the traffic is made of.
        thresholds: Of all traces, where they are known.
    """
    truth = replicas(mix)[0]
    probabilities = [(SCALE - each) / SCALE for each in thresholds] if thresholds is not None else None
    found = {what: wrong(cells(truth, runs, label, probabilities)) for what, label in LABELS.items()}
    return {what: cells_of for what, cells_of in found.items() if cells_of}
