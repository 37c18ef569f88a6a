"""How the stages of this process spend their time: at work, starved of input, or blocked by a full output."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import Observation

from otelkit import names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import in_forked_child
from otelkit.model.calls import AttributeValue, StageKind, StageSeries
from otelkit.stages.crews import Crews
from otelkit.stages.queue_times import GET, OTHER_STAGES, PUT, QueueTimes, StageKey, WaitHistogram

if TYPE_CHECKING:
    from otelkit.model.calls import StageCall

BUSY: Final = "busy"
STARVED: Final = "starved"
BLOCKED: Final = "blocked"

_MAX_STAGES: Final = 2000
"""Stages kept apart, as in the other metrics of stages."""
_MAX_QUEUES: Final = 2000
_OTHER_QUEUES: Final = "(other)"
"""Takes the time at queues beyond `_MAX_QUEUES`, whose names are made from data."""
_STATES: Final = {GET: STARVED, PUT: BLOCKED}
_GENERATORS: Final = (StageKind.GENERATOR, StageKind.ASYNC_GENERATOR)


def key_of(call: StageCall) -> StageKey:
    """Return pipeline and stage of a call."""
    series = call.series
    return series.pipeline, series.stage.name


class _Account:
    """The sums of one stage, in nanoseconds."""

    __slots__ = ("blocked_ns", "called_ns")

    def __init__(self, called_ns: int = 0, blocked_ns: int = 0) -> None:
        self.called_ns = called_ns
        """In ended calls, without the calls inside them."""
        self.blocked_ns = blocked_ns
        """Of this, blocked, by queues or by generators' consumers."""


class StageTimes:
    """Adds up the time of all stages. Thread-safe; in a forked child it starts over, since the parent's calls are the parent's.

    Time in a stage that a stage calls is the inner one's alone: where the time goes is where it is spent.

    Args:
        clock: The one that calls are timed with.
        waits: Takes each wait for an item that was handed over; None: nobody does.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK, waits: WaitHistogram | None = None) -> None:
        self.now_ns = clock.monotonic_ns
        self.crews = Crews()
        """Which stages share workers."""
        self._waits = waits
        self._start_over()
        in_forked_child(self._in_child)

    def _in_child(self) -> None:
        self._waits = None  # the parent's; the child gets its own
        self._start_over()

    def _start_over(self) -> None:
        self._accounts: dict[StageKey, _Account] = {}
        self._queues: dict[str, QueueTimes] = {}
        self._told: dict[tuple[StageKey, str, str | None], int] = {}
        # Reentrant: a signal handler or a finalizer may use a queue at any moment.
        self._lock = threading.RLock()

    def settled(self, calls: Iterable[StageCall]) -> None:
        """Add calls that have ended, in the order of their end."""
        with self._lock:
            # Calls of one stage come in rows.
            series: StageSeries | None = None
            account = _Account()
            for call in calls:
                if call.series is not series:
                    series = call.series
                    account = self._account(key_of(call))
                duration_ns = call.duration_ns
                account.called_ns += max(0, duration_ns - within_ns) if (within_ns := call.within_ns) else duration_ns
                account.blocked_ns += call.blocked_ns
                around = call.enclosing
                if around is not None:
                    # Comes to nothing if that call has been settled before this one.
                    around.within_ns += _inner_ns(call, around, duration_ns)

    def queue(self, name: str) -> QueueTimes:
        """Return the waits at the queues of this name."""
        return self._queues.get(name) or self._new_queue(name)

    def queues(self) -> Iterable[QueueTimes]:
        """Return the waits at all queues."""
        return tuple(self._queues.values())

    def hand_over(self) -> None:
        """Let the SDK have the waits at queues; to be called from a callback of a collection."""
        for queue in self.queues():
            for _, side in queue.sides():
                side.hand_over()
        if self._waits is not None:
            self._waits.hand_over()

    def observations(self, series: Iterable[StageSeries]) -> Iterator[Observation]:
        """Yield the seconds of each stage so far, by state, and by queue where it is time at one.

        Args:
            series: All that have calls running; these count up to now.
        """
        for (stage, state, queue), time_ns in self._read(series).items():
            attributes: dict[str, AttributeValue] = (
                {names.PIPELINE_NAME: stage[0], names.STAGE_NAME: stage[1]}
                if stage != OTHER_STAGES
                else {names.METRIC_OVERFLOW: True}
            )
            attributes[names.STAGE_STATE] = state
            if queue is not None:
                attributes[names.QUEUE_NAME] = queue
            yield Observation(time_ns / 1e9, attributes)

    def _read(self, series: Iterable[StageSeries]) -> dict[tuple[StageKey, str, str | None], int]:
        with self._lock:
            now_ns = self.now_ns()
            found = {
                stage: _Account(account.called_ns, account.blocked_ns) for stage, account in self._accounts.items()
            }
            self._add_running(found, [call for each in series for call in each.running.copy()], now_ns)
            inside_ns: dict[tuple[StageKey, str], int] = {}
            for queue in self.queues():
                for operation, side in queue.sides():
                    state = _STATES[operation]
                    by_stage_ns: dict[StageKey, int] = {}
                    for (stage, inside), time_ns in side.by_waiter_ns(now_ns).items():
                        by_stage_ns[stage] = by_stage_ns.get(stage, 0) + time_ns
                        found.setdefault(stage, _Account())
                        if inside:
                            inside_ns[stage, state] = inside_ns.get((stage, state), 0) + time_ns
                    for stage, time_ns in by_stage_ns.items():
                        self._tell(stage, state, queue.name, time_ns)
            for stage, account in found.items():
                queued_ns = inside_ns.get((stage, BLOCKED), 0)
                blocked_ns = max(account.blocked_ns, queued_ns)
                self._tell(stage, BUSY, None, account.called_ns - blocked_ns - inside_ns.get((stage, STARVED), 0))
                if blocked_ns > queued_ns:
                    self._tell(stage, BLOCKED, None, blocked_ns - queued_ns)
            return dict(self._told)

    def _add_running(self, found: dict[StageKey, _Account], calls: Iterable[StageCall], now_ns: int) -> None:
        within_ns: dict[StageCall, int] = {}
        for call in calls:
            around = call.enclosing
            if around is not None:
                within_ns[around] = within_ns.get(around, 0) + _inner_ns(call, around, now_ns - call.start_ns)
        for call in calls:
            account = found.setdefault(key_of(call), _Account())
            account.called_ns += max(0, now_ns - call.start_ns - call.within_ns - within_ns.get(call, 0))
            account.blocked_ns += call.blocked_ns

    def _tell(self, stage: StageKey, state: str, queue: str | None, time_ns: int) -> None:
        # A sum never sinks, though what is looked at here moves on meanwhile.
        key = (stage, state, queue)
        self._told[key] = max(time_ns, self._told.get(key, 0))

    def _account(self, stage: StageKey) -> _Account:
        account = self._accounts.get(stage)
        if account is None:
            if len(self._accounts) >= _MAX_STAGES:
                stage = OTHER_STAGES
            account = self._accounts.setdefault(stage, _Account())
        return account

    def _new_queue(self, name: str) -> QueueTimes:
        with self._lock:
            if len(self._queues) >= _MAX_QUEUES:
                name = _OTHER_QUEUES
            return self._queues.get(name) or self._queues.setdefault(name, QueueTimes(name, self._waits))


def _inner_ns(call: StageCall, around: StageCall, duration_ns: int) -> int:
    """Return the time of a call that is no work of the call around it."""
    if around.duration_ns >= 0 and around.start_ns + around.duration_ns < call.start_ns + duration_ns:
        return 0  # that one ended first, in another task or thread
    # Of a generator, not the time in which its consumer is at work: that is who is around it.
    own_ns = duration_ns - call.blocked_ns if call.series.stage.kind in _GENERATORS else duration_ns
    return max(0, own_ns)
