"""One ``put`` or ``get`` of a watched queue: how long it takes, and whose time that is."""

from __future__ import annotations

from otelkit.stages import links, measures
from otelkit.stages.queue_times import GET, PUT, Waiter
from otelkit.stages.stage_times import key_of


class Turn:
    """Made by whoever puts or gets, in their task or thread, which is whose time it takes."""

    __slots__ = ("_operation", "_queue", "_side", "_started_ns", "_times", "_waiter", "call", "place")

    def __init__(self, operation: str, queue: str) -> None:
        self._operation = operation
        self._queue = queue
        self._started_ns: int | None = None
        self._times = measures.times
        self._side = self._times.queue(queue).side(operation)
        self._waiter: Waiter | None = None
        self.place: links.Place | None = None
        """The task or thread; None inside a call, where it does not matter."""
        call = self.call = links.current_stage()
        """The stage call that is current."""
        if call is not None:
            self._waiter = Waiter(key_of(call), inside=True)
            return
        place = self.place = links.place()
        # Outside any call, `get` is for the stage to come.
        if operation == PUT and place.last_stage is not None:
            self._waiter = Waiter(place.last_stage, inside=False)

    def start(self) -> None:
        """Begin to wait."""
        now_ns = self._started_ns = self._times.now_ns()
        self._side.begin(id(self), self._waiter, now_ns)

    def end(self, *, handed_over: bool) -> None:
        """Count the wait. One that ended empty-handed (`queue.Empty`, cancelled) was a wait too, but handed over no item."""
        started_ns = self._started_ns
        if started_ns is None:
            return
        now_ns = self._times.now_ns()
        self._side.end(id(self), self._waiter, started_ns, now_ns, handed_over=handed_over)
        if self._operation == GET:
            if self.call is not None:
                self.call.queued(now_ns - started_ns, 0)
            elif self.place is not None:
                self.place.wait(self._queue, now_ns - started_ns)
        elif self.call is not None:
            self.call.queued(0, now_ns - started_ns)
