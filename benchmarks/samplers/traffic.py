"""Traffic for samplers, made from a seed: a skewed mix of stages, few errors, few slow traces, waves and bursts.

What a trace is (its stage, when it comes, whether it fails) and its trace id come from different generators, so that the same
traffic can be sampled again and again with other ids: the spread of what is counted then is the samplers' alone.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

SEED: Final = 20_261_121
SCALE: Final = 1 << 56
SECOND: Final = 1_000_000_000


class TraceClass(Enum):
    """What a trace is, as nobody knows before it has ended."""

    ERROR = "error"
    SLOW = "slow"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class MadeTrace:
    """One trace, with all that a sampler could ever know about it."""

    number: int
    """0 is the first; the order of their starts."""
    trace_id: int
    """128 random bits."""
    start_ns: int
    """From the start of the traffic."""
    duration_ns: int
    pipeline: str
    stage: str
    """Of the root."""
    spans: int
    """At least 1; those besides the root are its direct children, one after the other."""
    error_type: str | None
    """None: it goes well. An error passes through the last child and the root."""
    error_frame: str | None
    slow: bool
    """Took far longer than is usual for its stage, and did not fail."""

    @property
    def key(self) -> tuple[str, str]:
        """Pipeline and stage."""
        return (self.pipeline, self.stage)

    @property
    def end_ns(self) -> int:
        """From the start of the traffic."""
        return self.start_ns + self.duration_ns

    @property
    def randomness(self) -> int:
        """R: the low 56 bits of the trace id."""
        return self.trace_id & (SCALE - 1)

    @property
    def fingerprint(self) -> tuple[str, str, str] | None:
        """Type, frame and stage of its error."""
        return (self.error_type or "", self.error_frame or "", self.stage) if self.error_type is not None else None

    @property
    def trace_class(self) -> TraceClass:
        """An error is an error, however long it took."""
        if self.error_type is not None:
            return TraceClass.ERROR
        return TraceClass.SLOW if self.slow else TraceClass.NORMAL


@dataclass(frozen=True, slots=True)
class Burst:
    """Traces of one stage that come at once, besides the others."""

    begins_s: float
    lasts_s: float
    traces: int
    rank: int
    """Of the stage; 1 is the most frequent one."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What the traffic is made of."""

    traces: int = 20_000
    """All of them, bursts included."""
    lasts_s: float = 200.0
    keys: int = 300
    exponent: float = 1.5
    """Zipf's: the stage of rank r comes in proportion to r to the power of minus this."""
    error_share: float = 0.01
    slow_share: float = 0.02
    """Of all; none of them fails."""
    bursts: Sequence[Burst] = (Burst(30.0, 4.0, 1_500, 3), Burst(95.0, 2.0, 1_000, 12), Burst(150.0, 6.0, 1_200, 1))
    rate: Callable[[float], float] = lambda at_s: 1.0 + 0.6 * math.sin(2 * math.pi * at_s / 100.0)
    """How much comes at a time, in proportion; never more than 2."""
    most_spans: int = 6


def made(mix: Mix | None = None, seed: int = SEED) -> list[MadeTrace]:
    """Return the traces in the order of their starts. Equal arguments make equal traffic."""
    mix = mix or Mix()
    rng = random.Random(seed)
    weights = list(itertools.accumulate(rank**-mix.exponent for rank in range(1, mix.keys + 1)))
    # What is usual for a stage: 5 ms to 2 s, whatever its rank.
    usual_s = [math.exp(rng.uniform(math.log(0.005), math.log(2.0))) for _ in range(mix.keys)]
    background = mix.traces - sum(burst.traces for burst in mix.bursts)
    starts = [(_time(rng, mix), bisect.bisect(weights, rng.random() * weights[-1])) for _ in range(background)]
    for burst in mix.bursts:
        starts += [(burst.begins_s + rng.random() * burst.lasts_s, burst.rank - 1) for _ in range(burst.traces)]
    starts.sort()
    # Exactly so many, so that the shares are what is written of them.
    failing = set(rng.sample(range(mix.traces), round(mix.traces * mix.error_share)))
    going_well = [number for number in range(mix.traces) if number not in failing]
    slow = set(rng.sample(going_well, round(mix.traces * mix.slow_share)))
    traces = [
        _trace(rng, mix, number, start_s, index, usual_s[index], number in failing, number in slow)
        for number, (start_s, index) in enumerate(starts)
    ]
    return with_ids(traces, seed)


def with_ids(traces: Sequence[MadeTrace], seed: int) -> list[MadeTrace]:
    """Return the same traffic with other trace ids."""
    rng = random.Random(f"ids {seed}")
    return [replace(trace, trace_id=rng.getrandbits(128) or 1) for trace in traces]


def all_kept(traces: Sequence[MadeTrace]) -> list[MadeTrace]:
    """Return the same traffic with the highest randomness in every trace id: any threshold lets each of them pass."""
    return [replace(trace, trace_id=((trace.number + 1) << 56) | (SCALE - 1)) for trace in traces]


def _time(rng: random.Random, mix: Mix) -> float:
    while True:
        at_s = rng.random() * mix.lasts_s
        if rng.random() * 2 < mix.rate(at_s):
            return at_s


def _trace(
    rng: random.Random, mix: Mix, number: int, start_s: float, index: int, usual_s: float, fails: bool, slow: bool
) -> MadeTrace:
    # A few errors are frequent, most are not.
    error = min(int(rng.paretovariate(1.0)), 12)
    duration_s = usual_s * rng.lognormvariate(0.0, 0.25) * (rng.uniform(6.0, 20.0) if slow else 1.0)
    return MadeTrace(
        number,
        0,
        round(start_s * SECOND),
        max(1, round(duration_s * SECOND)),
        f"pipeline-{index % 5}",
        f"stage-{index + 1:03d}",
        rng.randint(1, mix.most_spans),
        f"app.errors.Error{error}" if fails else None,
        f"app/steps.py:{10 * error} step_{error}" if fails else None,
        slow,
    )
