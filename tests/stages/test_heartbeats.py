"""Calls that run for long are told of while they run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from opentelemetry.context import Context, set_value
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otelkit import _guard, names
from otelkit.model.calls import Stage, StageKind, StageSeries
from otelkit.model.heartbeats import Heartbeat
from otelkit.stages import progress
from otelkit.stages.heartbeats import MOST, Heartbeats
from otelkit.stages.run_facts import RUN_KEY, RunFacts
from otelkit.testing import FakeClock
from otelkit.testing.made_call import MadeCall


class Listening:
    """Heartbeats of some series every ten seconds, and what they told."""

    def __init__(self, *series: StageSeries, interval_s: float = 10.0) -> None:
        self.clock = FakeClock()
        self.series: list[StageSeries] = list(series)
        self.told: list[Heartbeat] = []
        self.heartbeats = Heartbeats(interval_s, self._known, self.tell, self.clock)

    def _known(self) -> Iterable[StageSeries]:
        return self.series

    def tell(self, beats: Sequence[Heartbeat]) -> None:
        self.told += beats

    def call(self, stage: str = "enhance", scope: Context | None = None) -> MadeCall:
        """Start a call, of a series of its own."""
        call = MadeCall(stage, "audio", clock=self.clock, scope=scope or Context())
        self.series.append(call.series)
        return call

    def after(self, *seconds: float) -> list[Heartbeat]:
        """Look after each of these times, and return what was told of."""
        self.told = []
        for each in seconds:
            self.clock.advance(each)
            self.heartbeats.look()
        return self.told


def test_a_call_beats_each_interval_until_it_ends() -> None:
    """Not before the first interval is over, once for each, and never after the end."""
    listening = Listening()
    call = listening.call()
    before = [beat.elapsed_s for beat in listening.after(9.0, 0.5)]
    running = [beat.elapsed_s for beat in listening.after(1.0, 1.0, 1.0, 7.0, 1.0, 12.0)]
    call.end()

    assert (before, running) == ([], [10.5, 20.5, 32.5])
    assert listening.after(10.0, 10.0) == []


def test_a_late_look_makes_one_beat_of_several() -> None:
    """Whoever looks may be kept from it; nothing is made up for."""
    listening = Listening()
    listening.call()

    assert [beat.elapsed_s for beat in listening.after(45.0, 1.0, 4.0)] == [45.0, 50.0]


def test_a_beat_says_what_is_known_of_the_call() -> None:
    """Item, items so far, ids, and how far its run is."""
    listening = Listening()
    span = SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    scope = set_value(RUN_KEY, RunFacts("run-1", "nightly", "audio"), set_span_in_context(NonRecordingSpan(span)))
    call = listening.call(scope=scope)
    call.describe("big.wav", None)
    call.add_items(ok=3, failed=1)
    run = progress.Progress("audio", 10)
    run.advance(4)
    progress.report(run)
    try:
        told = listening.after(10.0)
    finally:
        progress.forget()

    assert told == [
        Heartbeat(
            "enhance",
            "audio",
            10.0,
            1,
            "big.wav",
            (3, 1, 0),
            7,
            8,
            sampled=True,
            run_id="run-1",
            run_done=4,
            run_total=10,
        )
    ]


def test_a_beat_of_which_little_is_known_says_little() -> None:
    """Without a trace, an item, or a run of its pipeline."""
    listening = Listening()
    progress.report(progress.Progress("another", 10))
    listening.call()
    try:
        (beat,) = listening.after(10.0)
    finally:
        progress.forget()

    assert (beat.item, beat.trace_id, beat.span_id, beat.run_done, beat.run_total) == (None, 0, 0, None, None)


def test_the_item_that_a_block_sets_is_the_current_one() -> None:
    """A stage over many items says which one it is at."""
    listening = Listening()
    call = listening.call()
    call.set(names.ITEM_ID, "first.wav")
    first = listening.after(10.0)
    call.set(names.ITEM_ID, "second.wav")

    assert [beat.item for beat in (*first, *listening.after(10.0))] == ["first.wav", "second.wav"]


def test_calls_of_one_stage_are_counted_together() -> None:
    """Also where the stage was declared anew for each of them, as in a nested function."""
    listening = Listening()
    calls = [listening.call() for _ in range(3)]
    listening.call("another")
    calls[0].end()

    assert [(beat.stage, beat.active) for beat in listening.after(10.0)] == [
        ("enhance", 2), ("enhance", 2), ("another", 1),
    ]  # fmt: skip


def test_of_many_calls_the_oldest_are_named_again_and_again() -> None:
    """A thousand slow workers say as much as twenty; the next ones are named as these end."""
    series = StageSeries(Stage("enhance", StageKind.FUNCTION), "audio")
    listening = Listening(series)
    calls = []
    for number in range(1000):
        call = MadeCall("", series=series, clock=listening.clock)
        call.describe(f"item {number}", None)
        calls.append(call)
        listening.clock.advance(0.001)
    oldest = [f"item {number}" for number in range(MOST)]
    first, second = ([beat.item for beat in listening.after(10.0)] for _ in range(2))
    for call in calls[:MOST]:
        call.end()
    third = [beat.item for beat in listening.after(10.0)]

    assert (first, second) == (oldest, oldest)
    assert third == [f"item {number}" for number in range(MOST, 2 * MOST)]


def test_a_call_that_ends_while_it_is_looked_at_is_left_out() -> None:
    """Its span says how it ended; a heartbeat after that would bring it back."""

    class Ending(MadeCall):
        __slots__ = ()

        @property
        def item_id(self) -> str | None:
            self.end()
            return "gone"

    listening = Listening()
    listening.series.append(Ending("enhance", clock=listening.clock).series)

    assert listening.after(10.0) == []


def test_looking_takes_a_hundredth_of_the_time() -> None:
    """With so many calls that looking at them takes a second, the next look is a hundred seconds later."""
    listening = Listening()
    listening.call()
    looks: list[int] = []

    def slowly() -> Iterable[StageSeries]:
        looks.append(listening.clock.monotonic_ns())
        listening.clock.advance(0.5)
        return listening.series

    listening.heartbeats = Heartbeats(10.0, slowly, listening.tell, listening.clock)
    listening.after(10.0)
    first = len(looks)
    listening.after(*[1.0] * 98)
    early = len(looks)
    listening.after(2.0)

    assert (first, early) == (2, 2)
    assert len(looks) > 2


def test_telling_takes_a_hundredth_of_the_time() -> None:
    """A log processor of the program's own that waits for a network does not hold up what else the thread has to do."""
    listening = Listening()
    listening.call()

    def slowly(beats: Sequence[Heartbeat]) -> None:
        listening.tell(beats)
        listening.clock.advance(1.0)

    listening.heartbeats = Heartbeats(10.0, lambda: listening.series, slowly, listening.clock)

    assert [beat.elapsed_s for beat in listening.after(10.0, *[3.0] * 34)] == [10.0, 110.0]


def test_what_fails_is_contained_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log processor of the program's own that raises harms nobody, and is not asked for ever."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)
    listening = Listening()
    listening.call()
    tries: list[int] = []

    def broken(beats: Sequence[Heartbeat]) -> None:
        tries.append(len(beats))
        raise ValueError("no")

    listening.heartbeats = Heartbeats(1.0, lambda: listening.series, broken, listening.clock)
    listening.after(*[1.0] * 50)

    assert (len(tries), listening.heartbeats.barrier.faults, listening.heartbeats.barrier.off) == (10, 10, True)
