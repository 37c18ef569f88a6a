"""Traffic through one sampler: each trace's start, spans and end come at their time, and what is kept is written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

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


Event = tuple[int, int, MadeTrace | None]
"""When, what, and of which trace."""


class Contestant:
    """A sampler as it meets traffic. Head samplers decide in `starts`, others later; what is kept goes into ``kept``.

    Args:
        seed: Of its own randomness, if it has one.
    """

    name: str = ""
    by_span: bool = False
    """Whether it wants to see each child end, when it does."""
    writes_down: bool = True
    """False: what is kept is forgotten at once, so that what it costs is the sampler's own."""
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
        if self.writes_down:
            self.kept.append(Kept(trace, self.now_ns, threshold, told, reason))

    def starts(self, trace: MadeTrace) -> None:
        """A trace starts."""

    def child_ends(self, trace: MadeTrace, index: int) -> None:
        """A child has ended; 0 is the first. Only where ``by_span``."""

    def ends(self, trace: MadeTrace) -> None:
        """The root of a trace has ended, after all of its children."""

    def tick(self) -> None:
        """Another second has passed."""

    def close(self) -> None:
        """There is no more traffic."""

    def held_spans(self) -> int:
        """Return how many ended spans are held back now."""
        return 0


def run(contestant: Contestant, traffic: Sequence[MadeTrace]) -> Contestant:
    """Let the traffic pass, and return the contestant."""
    play(contestant, events(traffic, children=contestant.by_span))
    return contestant


def play(contestant: Contestant, happening: Iterable[Event]) -> None:
    """Let things happen at their time."""
    clock = contestant.clock
    for at_ns, kind, trace in happening:
        clock.advance((at_ns - clock.monotonic_ns()) / SECOND)
        if trace is None:
            contestant.tick()
        elif kind == START:
            contestant.starts(trace)
        elif kind == END:
            contestant.ends(trace)
        else:
            contestant.child_ends(trace, kind)
    contestant.close()


TICK: Final = -3
START: Final = -2
END: Final = -1
"""What an event is; from 0 on it is the end of that child."""


def events(traffic: Sequence[MadeTrace], *, children: bool = False) -> Iterator[Event]:
    """Yield what happens, in the order of its time, with a tick for each second that is over."""
    found: list[tuple[int, int, int, MadeTrace]] = []
    for trace in traffic:
        found.append((trace.start_ns, trace.number, START, trace))
        found.append((trace.end_ns, trace.number, END, trace))
        if children:
            found += [(end_of(trace, index), trace.number, index, trace) for index in range(trace.spans - 1)]
    # What happens to one trace at the same moment is in the order in which it was listed: sorting is stable.
    found.sort(key=_when)
    tick_ns = SECOND
    for at_ns, _, kind, trace in found:
        while tick_ns <= at_ns:
            yield tick_ns, TICK, None
            tick_ns += SECOND
        yield at_ns, kind, trace


def end_of(trace: MadeTrace, index: int) -> int:
    """Return when a child ends, from the start of the traffic; -1 gives the start of the first.

    The children come one after the other and share the trace's time equally; the last share is the root's own.
    """
    return trace.start_ns + trace.duration_ns * (index + 1) // trace.spans


def _when(event: tuple[int, int, int, MadeTrace]) -> tuple[int, int]:
    return event[0], event[1]
