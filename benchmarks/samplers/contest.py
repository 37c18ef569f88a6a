"""Traffic through one sampler: each trace's start, spans and end come at their time, and what is kept is written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.samplers.traffic import SCALE, SECOND, MadeTrace
from otelkit.testing import FakeClock


@dataclass(frozen=True, slots=True)
class Kept:
    """A trace that was kept."""

    trace: MadeTrace
    at_ns: int
    """When that was decided, from the start of the traffic."""
    threshold: int | None = None
    """What ``th`` on its spans says; None: there is none."""
    told: float | None = None
    """How many traces it stands for, as the sampler says elsewhere than in ``th``; None: it does not."""
    reason: str = ""
    """`otelkit.sampling.reason`, of ours."""

    @property
    def probability(self) -> float:
        """By ``th``; 1.0 where nothing is said."""
        return 1.0 if self.threshold is None else (SCALE - self.threshold) / SCALE

    @property
    def collector_weight(self) -> float:
        """For how many traces the Collector takes it: the adjusted count, 1 without ``th``."""
        return 1.0 if self.threshold is None else SCALE / (SCALE - self.threshold)

    @property
    def best_weight(self) -> float:
        """For how many traces somebody may take it who knows all that its sampler says."""
        return self.told if self.told is not None else self.collector_weight


class Contestant:
    """A sampler as it meets traffic. Head samplers decide in `starts`, others later; what is kept goes into ``kept``.

    Args:
        seed: Of its own randomness, if it has one.
    """

    name: str = ""
    clock: FakeClock

    def __init__(self, seed: int = 0) -> None:
        self.clock = FakeClock()
        self.kept: list[Kept] = []

    @property
    def now_ns(self) -> int:
        """From the start of the traffic."""
        return self.clock.monotonic_ns()

    def keep(self, trace: MadeTrace, threshold: int | None = None, told: float | None = None, reason: str = "") -> None:
        """Write down that the trace is kept."""
        self.kept.append(Kept(trace, self.now_ns, threshold, told, reason))

    def starts(self, trace: MadeTrace) -> None:
        """A trace starts."""

    def ends(self, trace: MadeTrace) -> None:
        """A trace has ended, with all of its spans."""

    def tick(self) -> None:
        """Another second has passed."""

    def close(self) -> None:
        """There is no more traffic."""

    def held_spans(self) -> int:
        """Return how many ended spans are held back now."""
        return 0


def run(contestant: Contestant, traffic: Sequence[MadeTrace]) -> Contestant:
    """Let the traffic pass, and return the contestant."""
    clock = contestant.clock
    for at_ns, kind, trace in events(traffic):
        clock.advance((at_ns - clock.monotonic_ns()) / SECOND)
        if trace is None:
            contestant.tick()
        elif kind == _START:
            contestant.starts(trace)
        else:
            contestant.ends(trace)
    contestant.close()
    return contestant


_TICK, _START, _END = 0, 1, 2
Event = tuple[int, int, MadeTrace | None]


def events(traffic: Sequence[MadeTrace]) -> Iterator[Event]:
    """Yield starts, ends and a tick for each second, in the order of their time."""
    found = [(trace.start_ns, _START, trace.number, trace) for trace in traffic]
    found += [(trace.end_ns, _END, trace.number, trace) for trace in traffic]
    found.sort(key=lambda event: event[:3])
    tick_ns = SECOND
    for at_ns, kind, _, trace in found:
        while tick_ns <= at_ns:
            yield tick_ns, _TICK, None
            tick_ns += SECOND
        yield at_ns, kind, trace
