"""How long is waited at a watched queue: by whom, and for how long by anybody at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from otelkit import names
from otelkit._guard import in_forked_child
from otelkit.model.calls import AttributeValue

PUT: Final = "put"
GET: Final = "get"

_CHUNK: Final = 512
"""Waits that are kept before they are handed to the histogram."""

_MAX_WAITERS: Final = 2000
"""Kept apart at one side of a queue; stages' names may be made from data."""

StageKey = tuple[str, str]
"""Pipeline and stage."""

OTHER_STAGES: Final[StageKey] = ("", "")
"""Takes the time of the stages beyond the bound."""


class WaitSeries(Protocol):
    """One series of a histogram that takes values in batches."""

    def put(self, values: list[float]) -> None:
        """Take values in seconds, at least one; the list is used up."""


class WaitHistogram(Protocol):
    """A histogram that takes values in batches."""

    def series(self, attributes: Mapping[str, AttributeValue]) -> WaitSeries:
        """Return a new series; asked for once for each attribute set."""

    def hand_over(self) -> None:
        """Let the SDK have what there is; called from a callback of a collection."""


class Waiter(NamedTuple):
    """Whose time a wait is."""

    stage: StageKey
    inside: bool
    """Whether it waits inside a call of the stage, not between two."""


class Side:
    """One operation at one queue: those who put, or those who get. Thread-safe, and reentrant as some queues are."""

    def __init__(self, waits: WaitSeries | None) -> None:
        self._waits = waits
        self._start_over()
        in_forked_child(self._in_child)

    def _start_over(self) -> None:
        # Reentrant: a signal handler or a finalizer may use a queue at any moment.
        self._lock = threading.RLock()
        self._waiting = 0
        self._since_ns = 0
        self._ended_ns = 0
        self._by_waiter: dict[Waiter, int] = {}
        self._ongoing: dict[int, tuple[Waiter, int]] = {}
        self._values_s: list[float] = []

    def _in_child(self) -> None:
        self._waits = None  # the parent's; the child gets its own
        self._start_over()

    def begin(self, token: int, waiter: Waiter | None, now_ns: int) -> None:
        """Note that somebody begins to wait; ``token`` tells this wait from others, ``waiter`` is None if not known yet."""
        with self._lock:
            if not self._waiting:
                self._since_ns = now_ns
            self._waiting += 1
            if waiter is not None:
                self._ongoing[token] = waiter, now_ns

    def end(self, token: int, waiter: Waiter | None, started_ns: int, now_ns: int, *, handed_over: bool) -> None:
        """Note that somebody has an item, got rid of one, or has given up."""
        with self._lock:
            if not self._waiting:
                return  # begun in the process that this one was forked from
            self._waiting -= 1
            if not self._waiting:
                self._ended_ns += max(0, now_ns - self._since_ns)
            self._ongoing.pop(token, None)
            if waiter is not None:
                self._count(waiter, now_ns - started_ns)
            if handed_over and self._waits is not None:
                self._values_s.append((now_ns - started_ns) / 1e9)
        if len(self._values_s) >= _CHUNK:
            self.hand_over()

    def add(self, waiter: Waiter, wait_ns: int) -> None:
        """Say whose time a wait was that has ended."""
        with self._lock:
            self._count(waiter, wait_ns)

    def _count(self, waiter: Waiter, wait_ns: int) -> None:
        if waiter not in self._by_waiter and len(self._by_waiter) >= _MAX_WAITERS:
            waiter = Waiter(OTHER_STAGES, waiter.inside)
        self._by_waiter[waiter] = self._by_waiter.get(waiter, 0) + wait_ns

    def hand_over(self) -> None:
        """Let the histogram have the waits so far."""
        with self._lock:
            values_s, self._values_s = self._values_s, []
        if values_s and self._waits is not None:
            self._waits.put(values_s)

    def waited_ns(self, now_ns: int) -> int:
        """Return the nanoseconds in which one or more waited, up to now."""
        with self._lock:
            return self._ended_ns + (max(0, now_ns - self._since_ns) if self._waiting else 0)

    def by_waiter_ns(self, now_ns: int) -> Mapping[Waiter, int]:
        """Return the nanoseconds that each has waited, up to now, as far as it is known who waits."""
        with self._lock:
            found = dict(self._by_waiter)
            for waiter, since_ns in self._ongoing.values():
                found[waiter] = found.get(waiter, 0) + now_ns - since_ns
            return found


class QueueTimes:
    """Both sides of the watched queues of one name in this process."""

    def __init__(self, name: str, waits: WaitHistogram | None) -> None:
        self.name = name
        self._sides = {operation: Side(_series(waits, name, operation)) for operation in (PUT, GET)}

    def side(self, operation: str) -> Side:
        """Return that of those who put, or of those who get."""
        return self._sides[operation]

    def sides(self) -> Iterator[tuple[str, Side]]:
        """Yield both, with their operation."""
        yield from self._sides.items()


def _series(waits: WaitHistogram | None, name: str, operation: str) -> WaitSeries | None:
    return None if waits is None else waits.series({names.QUEUE_NAME: name, names.LABEL_OPERATION: operation})
