"""Fragments to be judged."""

from __future__ import annotations

import random

from otelkit.model.traces import Fingerprint, FragmentEnd, TraceSummary

SECOND: int = 1_000_000_000


def fragment(
    randomness: int,
    *,
    pipeline: str = "nightly",
    stage: str = "parse",
    errors: tuple[Fingerprint, ...] = (),
    failed: bool | None = None,
    duration_ns: int = 10_000_000,
    end: FragmentEnd = FragmentEnd.ROOT,
    parent_threshold: int | None = 0,
    forced: bool = False,
) -> TraceSummary:
    """Return a fragment of one span; failed if it has errors."""
    return TraceSummary(
        trace_id=randomness,
        randomness=randomness,
        pipeline=pipeline,
        stage=stage,
        failed=bool(errors) if failed is None else failed,
        fingerprints=errors,
        duration_ns=duration_ns,
        spans=1,
        end=end,
        parent_threshold=parent_threshold,
        forced=forced,
    )


def arrivals(rng: random.Random, per_s: float, seconds: float, start_s: float = 0.0) -> list[int]:
    """Return the times of a Poisson process, in nanoseconds."""
    times: list[int] = []
    now = start_s + rng.expovariate(per_s)
    while now < start_s + seconds:
        times.append(round(now * SECOND))
        now += rng.expovariate(per_s)
    return times
