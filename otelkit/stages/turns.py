"""One ``put`` or ``get`` of a watched queue: how long it takes, and whose time that is."""

from __future__ import annotations

from otelkit import names
from otelkit.stages import links, measures
from otelkit.stages.queue_times import GET, PUT, QueueTimes
from otelkit.stages.stage_times import BLOCKED, STARVED, StageKey, key_of


class Turn:
    """Made by whoever puts or gets, in their task or thread, which is whose time it takes."""

    __slots__ = ("_begun", "_operation", "_queue", "_queue_times", "_started_ns", "call", "place")

    def __init__(self, operation: str, queue: str, queue_times: QueueTimes) -> None:
        self._operation = operation
        self._queue = queue
        self._queue_times = queue_times
        self._started_ns = 0
        self._begun = False
        self.call = links.current_stage()
        """The stage call that is current."""
        self.place = links.place()
        """The task or thread."""

    def start(self) -> None:
        """Begin to wait."""
        self._started_ns = measures.times.now_ns()
        self._begun = True
        self._queue_times.begin(self._operation, self._started_ns)
        stage = self._stage()
        if stage is not None:
            measures.times.begins(id(self), stage, self._state(), self._queue, inside=self.call is not None)

    def end(self, *, handed_over: bool) -> None:
        """Count the wait. One that ended empty-handed (`queue.Empty`, cancelled) was a wait too, but handed over no item."""
        if not self._begun:
            return
        now_ns = measures.times.now_ns()
        wait_ns = now_ns - self._started_ns
        self._queue_times.end(self._operation, now_ns)
        if self.call is not None:
            self.call.queued(**{"waited_ns" if self._operation == GET else "blocked_ns": wait_ns})
        measures.times.ends(id(self))
        stage = self._stage()
        if stage is not None:
            measures.times.queued(stage, self._state(), self._queue, wait_ns, inside=self.call is not None)
        elif self._operation == GET:
            self.place.wait(self._queue, wait_ns)
        if handed_over and measures.wait is not None:
            measures.wait.record(wait_ns / 1e9, {names.QUEUE_NAME: self._queue, names.LABEL_OPERATION: self._operation})

    def _stage(self) -> StageKey | None:
        """Return the stage whose time it is, as far as that is known: outside any call, ``get`` is for the one to come."""
        if self.call is not None:
            return key_of(self.call)
        return self.place.last_stage if self._operation == PUT else None

    def _state(self) -> str:
        return STARVED if self._operation == GET else BLOCKED
