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

if TYPE_CHECKING:
    from otelkit.model.calls import StageCall

StageKey = tuple[str, str]
"""Pipeline and stage."""

BUSY: Final = "busy"
STARVED: Final = "starved"
BLOCKED: Final = "blocked"

_MAX_STAGES: Final = 2000
"""Stages kept apart, as in the other metrics of stages."""
_MAX_WITHIN: Final = 100_000
"""Open calls whose inner calls are known; far more than run at a time."""
_OTHERS: Final[StageKey] = ("", "")
_GENERATORS: Final = (StageKind.GENERATOR, StageKind.ASYNC_GENERATOR)


def key_of(call: StageCall) -> StageKey:
    """Return pipeline and stage of a call."""
    series = call.series
    return series.pipeline, series.stage.name


class _Account:
    """The sums of one stage, in nanoseconds."""

    __slots__ = ("blocked_ns", "called_ns", "queued_inside_ns", "queued_ns", "waited_inside_ns")

    def __init__(self) -> None:
        self.called_ns = 0
        """In ended calls, without the calls inside them."""
        self.blocked_ns = 0
        """Of this, blocked, by queues or by generators' consumers."""
        self.waited_inside_ns = 0
        """In calls, ended or not, waiting to get."""
        self.queued_inside_ns = 0
        """In calls, ended or not, waiting to put."""
        self.queued_ns: dict[tuple[str, str], int] = {}
        """By state and queue, inside calls and outside."""


class StageTimes:
    """Adds up the time of all stages. Thread-safe; in a forked child it starts over, since the parent's calls are the parent's.

    Time in a stage that a stage calls is the inner one's alone: where the time goes is where it is spent.

    Args:
        clock: The one that calls are timed with.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self.now_ns = clock.monotonic_ns
        self._start_over()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        self._accounts: dict[StageKey, _Account] = {}
        self._ongoing: dict[int, tuple[StageKey, str, str, int, bool]] = {}
        self._told: dict[tuple[StageKey, str, str | None], int] = {}
        self._within_ns: dict[int, int] = {}
        """By open call: time in the calls directly inside it that have ended."""
        # Reentrant: a signal handler or a finalizer may use a queue at any moment.
        self._lock = threading.RLock()

    def settled(self, calls: Iterable[StageCall]) -> None:
        """Add calls that have ended, in the order of their end."""
        with self._lock:
            for call in calls:
                account = self._account(key_of(call))
                account.called_ns += max(0, call.duration_ns - self._within_ns.pop(id(call), 0))
                account.blocked_ns += call.blocked_ns
                self._leave_out(call, call.duration_ns, self._within_ns)

    def begins(self, token: int, stage: StageKey, state: str, queue: str, *, inside: bool) -> None:
        """Note that a stage begins to wait at a queue; ``token`` tells this wait from others."""
        self._ongoing[token] = (stage, state, queue, self.now_ns(), inside)

    def ends(self, token: int) -> None:
        """Note that a wait is over."""
        self._ongoing.pop(token, None)

    def queued(self, stage: StageKey, state: str, queue: str, wait_ns: int, *, inside: bool) -> None:
        """Add time at a queue. ``inside``: within a call of the stage."""
        with self._lock:
            self._add(self._account(stage), state, queue, wait_ns, inside)

    def observations(self, series: Iterable[StageSeries]) -> Iterator[Observation]:
        """Yield the seconds of each stage so far, by state, and by queue where it is time at one.

        Args:
            series: All that have calls running; these count up to now.
        """
        for (stage, state, queue), time_ns in self._read(series).items():
            attributes: dict[str, AttributeValue] = (
                {names.PIPELINE_NAME: stage[0], names.STAGE_NAME: stage[1]}
                if stage != _OTHERS
                else {names.METRIC_OVERFLOW: True}
            )
            attributes[names.STAGE_STATE] = state
            if queue is not None:
                attributes[names.QUEUE_NAME] = queue
            yield Observation(time_ns / 1e9, attributes)

    def _read(self, series: Iterable[StageSeries]) -> dict[tuple[StageKey, str, str | None], int]:
        with self._lock:
            now_ns = self.now_ns()
            found: dict[StageKey, _Account] = {stage: _copy(account) for stage, account in self._accounts.items()}
            calls = [call for each in series for call in each.running.copy()]
            within_ns = dict(self._within_ns)
            for call in calls:
                self._leave_out(call, now_ns - call.start_ns, within_ns)
            for call in calls:
                account = found.setdefault(key_of(call), _Account())
                account.called_ns += max(0, now_ns - call.start_ns - within_ns.get(id(call), 0))
                account.blocked_ns += call.blocked_ns
            for stage, state, queue, since_ns, inside in list(self._ongoing.values()):
                self._add(found.setdefault(stage, _Account()), state, queue, now_ns - since_ns, inside)
            for stage, account in found.items():
                blocked_ns = max(account.blocked_ns, account.queued_inside_ns)
                self._tell(stage, BUSY, None, account.called_ns - blocked_ns - account.waited_inside_ns)
                if blocked_ns > account.queued_inside_ns:
                    self._tell(stage, BLOCKED, None, blocked_ns - account.queued_inside_ns)
                for (state, queue), time_ns in account.queued_ns.items():
                    self._tell(stage, state, queue, time_ns)
            return dict(self._told)

    @staticmethod
    def _leave_out(call: StageCall, duration_ns: int, within_ns: dict[int, int]) -> None:
        """Note time of a call that is no work of the call around it."""
        around = call.enclosing
        if around is None:
            return
        if around.duration_ns >= 0 and around.start_ns + around.duration_ns < call.start_ns + duration_ns:
            return  # it ended first, in another task or thread
        if len(within_ns) >= _MAX_WITHIN:
            within_ns.clear()
        # Of a generator, not the time in which its consumer is at work: that is who is around it.
        own_ns = duration_ns - call.blocked_ns if call.stage.kind in _GENERATORS else duration_ns
        within_ns[id(around)] = within_ns.get(id(around), 0) + max(0, own_ns)

    def _tell(self, stage: StageKey, state: str, queue: str | None, time_ns: int) -> None:
        # A sum never sinks, though what is looked at here moves on meanwhile.
        key = (stage, state, queue)
        self._told[key] = max(time_ns, self._told.get(key, 0))

    def _account(self, stage: StageKey) -> _Account:
        account = self._accounts.get(stage)
        if account is None:
            if len(self._accounts) >= _MAX_STAGES:
                stage = _OTHERS
            account = self._accounts.setdefault(stage, _Account())
        return account

    @staticmethod
    def _add(account: _Account, state: str, queue: str, wait_ns: int, inside: bool) -> None:
        account.queued_ns[state, queue] = account.queued_ns.get((state, queue), 0) + wait_ns
        if inside and state == STARVED:
            account.waited_inside_ns += wait_ns
        elif inside:
            account.queued_inside_ns += wait_ns


def _copy(account: _Account) -> _Account:
    copy = _Account()
    copy.called_ns = account.called_ns
    copy.blocked_ns = account.blocked_ns
    copy.waited_inside_ns = account.waited_inside_ns
    copy.queued_inside_ns = account.queued_inside_ns
    copy.queued_ns = dict(account.queued_ns)
    return copy
