"""Stage calls that have been running for long: seen from outside, while they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import nsmallest
from operator import attrgetter
from typing import Final

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import Barrier
from otelkit.model.calls import StageCall, StageSeries
from otelkit.model.heartbeats import Heartbeat
from otelkit.stages import progress, run_facts

MOST: Final = 20
"""Calls that one process names; of more the oldest."""
_REST: Final = 100
"""Looking through the calls, and telling of them, takes at most one part in so many of the time."""

_started = attrgetter("start_ns")


class Heartbeats:
    """Tells of each call that has been running for an interval, and again each interval until it ends.

    The calls know nothing of it: `look` looks at those that run. It is to be called about once a second, on one thread at a
    time and never on the program's. At most `MOST` calls are named, always the oldest, so that one that was named stays so.

    Args:
        interval_s: > 0.
        series: Returns all stages that have calls running.
        tell: Takes the calls whose time it is, the oldest first.
        clock: The one that calls are timed with.
    """

    def __init__(
        self,
        interval_s: float,
        series: Callable[[], Iterable[StageSeries]],
        tell: Callable[[Sequence[Heartbeat]], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._interval_ns = max(1, round(interval_s * 1e9))
        self._series = series
        self._tell = tell
        self._now = clock.monotonic_ns
        self._looked_ns: int | None = None
        self._not_before_ns: int | None = None
        self.barrier = Barrier("heartbeats")
        """Contains what fails: log processors of the program's own run in ``tell``."""

    def look(self) -> None:
        """Tell of the calls whose time has come since the last look. Never raises."""
        now_ns = self._now()
        if self.barrier.off or (self._not_before_ns is not None and now_ns < self._not_before_ns):
            return
        try:
            due = self._due(now_ns)
            self._looked_ns = now_ns
            if due:
                self._tell(due)
        except Exception as error:  # noqa: BLE001 - spans and log processors may be strangers'
            self.barrier.fault(error, "look")
        else:
            self.barrier.success()
        finally:
            # A hundred thousand tasks that wait are not to cost those that work, nor a log processor that waits for a network.
            self._not_before_ns = now_ns + (self._now() - now_ns) * _REST

    def _due(self, now_ns: int) -> list[Heartbeat]:
        latest_ns = now_ns - self._interval_ns
        # Copies: calls begin and end meanwhile.
        long = [call for series in self._series() for call in series.running.copy() if call.start_ns <= latest_ns]
        due = [call for call in nsmallest(MOST, long, key=_started) if self._is_due(call, now_ns)]
        if not due:
            return []
        active: dict[tuple[str, str], int] = {}
        for series in self._series():
            stage = series.pipeline, series.stage.name
            active[stage] = active.get(stage, 0) + len(series.running)
        runs = {each.pipeline: each for each in progress.reported()}
        beats = [
            _beat(call, now_ns, active.get((call.pipeline, call.stage.name), 1), runs.get(call.pipeline))
            for call in due
        ]
        # One that has ended meanwhile is told of by its span.
        return [beat for call, beat in zip(due, beats, strict=True) if call.duration_ns < 0]

    def _is_due(self, call: StageCall, now_ns: int) -> bool:
        """Whether the call has completed another interval since the last look."""
        looked_ns = self._looked_ns
        if looked_ns is None or looked_ns < call.start_ns:
            return True
        return (now_ns - call.start_ns) // self._interval_ns > (looked_ns - call.start_ns) // self._interval_ns


def _beat(call: StageCall, now_ns: int, active: int, run: progress.Progress | None) -> Heartbeat:
    series = call.series
    facts = run_facts.run_of(call.scope)
    return Heartbeat(
        stage=series.stage.name,
        pipeline=series.pipeline,
        elapsed_s=(now_ns - call.start_ns) / 1e9,
        active=max(1, active),
        item=call.item_id,
        items=call.items(),
        trace_id=call.trace_id,
        span_id=call.span_id,
        sampled=call.sampled,
        run_id=facts.id if facts is not None else run_facts.PROCESS.id,
        run_done=None if run is None else run.done,
        run_total=None if run is None else run.total,
    )
