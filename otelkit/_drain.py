"""A bounded queue, and the thread that empties it in batches."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

from otelkit._guard import in_forked_child
from otelkit._threads import start

T = TypeVar("T")

_log = logging.getLogger("otelkit.drain")

_LONGEST_WAIT_S: Final = 3600.0
"""The interpreter can't wait for infinity, nor for more than some centuries; to wait again costs nothing."""
_RELIEF_S: Final = 0.1
"""Longest time that somebody who puts waits for the queue to become shorter."""
_LOOK_AGAIN_S: Final = 0.1
"""How often to look whether the thread that is waited for is still there."""


class _Errand:
    """Something to do on the draining thread once everything that came before it is through."""

    __slots__ = ("done", "errand")

    def __init__(self, errand: Callable[[], None]) -> None:
        self.errand = errand
        self.done: SimpleQueue[None] = SimpleQueue()


class Drain(Generic[T]):
    """A bounded queue that one background thread empties in batches.

    `put` never raises, and waits for nothing but, with ``relieve_at``, for 0.1 s at most while the queue is longer than that.
    When it is full the new item is refused, and ``put`` says so, so that the caller counts it. Every item is handed over,
    refused, or returned by `close`: exactly one of these, however many threads put while it is closed. Which of those that
    come at that very moment are refused is chance, and the answers of ``put`` tell only how many: where items are not all
    counted alike, ``refused`` counts them.
    ``handle`` gets each batch in order, one at a time, and must not raise. It is called on the thread; where there can be
    none any more, since the interpreter shuts down, on the one that flushes or closes.
    Whoever waits (`flush`, `call`, `close`) waits no longer than they say, whatever ``handle`` does meanwhile.
    Everything here may be called from a signal handler that interrupted any other of these methods: a lock that the
    interrupted frame may hold is not waited for, or no longer than the caller said.
    After a fork the child starts with an empty queue and its own thread; the parent's items stay the parent's.

    Args:
        name: Thread name, for people who look at a stack dump.
        handle: Takes a batch, oldest first.
        limit: Most items held, >= 1. Threads that put at the same instant may exceed it by one item each.
        batch: Most items handed over at once, >= 1; so many, or half of ``limit`` if that is less, end the waiting.
        delay_s: Longest time an item waits before it is handed over, > 0; taken as an hour if it is longer.
        tick_when_idle: Call ``handle`` with an empty list when ``delay_s`` passed, or somebody flushes, without items.
        tick: Called on the same thread about every ``tick_s``, busy or not, once there has been a first item.
        tick_s: > 0.
        relieve_at: From so many items on, whoever puts another one hands over a batch itself, or waits a moment for whoever
            is at it, as the main thread always does: a program that makes items faster than one thread can handle them does its
            part of that work. Only where ``handle`` does not wait for anything. None: never.
        refused: Called with each item that `put` refuses, in its thread; must not raise.
        prepare: Called once per process in the thread that puts the first item: the last good moment to start threads,
            which can't be started any more once the interpreter shuts down.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[list[T]], None],
        *,
        limit: int,
        batch: int,
        delay_s: float,
        tick_when_idle: bool = False,
        tick: Callable[[], None] | None = None,
        tick_s: float = 1.0,
        relieve_at: int | None = None,
        refused: Callable[[T], None] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._relieve_at = limit if relieve_at is None else min(relieve_at, limit)
        self._relieves = relieve_at is not None
        self._refused = refused
        self._full_at = self._relieve_at if self._relieves else limit
        self._handle = handle
        self._limit = limit
        self._batch = min(batch, limit)
        # In time, so that the thread takes something before the queue is full.
        self._ring_at = max(1, min(batch, limit // 2))
        self._delay_s = min(delay_s, _LONGEST_WAIT_S)
        self._tick_when_idle = tick_when_idle
        self._tick = tick
        self._tick_s = tick_s
        self._ticks_between = tick is not None and tick_s < self._delay_s
        self._prepare = prepare
        self._closed = False
        self._start_over()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        self._items: deque[T] = deque()
        self._errands: deque[_Errand] = deque()
        # A SimpleQueue rather than an Event: only its `put` may interrupt itself (a signal handler that flushes).
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._rung = False
        # From so many items on, `put` has more to do than to put: at once until there is a thread, and always once closed.
        self._attend_at = 0
        self._starting = threading.Lock()
        self._starter: int | None = None
        self._thread: threading.Thread | None = None
        # Held while something is handed over, so that whoever stands in for the thread never does it beside somebody else.
        self._handing = threading.Lock()
        self._hander: int | None = None
        self._prepared = False
        self._next_tick = 0.0
        self._no_relief_before = 0.0
        self._handed = 0
        # Rung whenever something was handed over, while the main thread waits for that.
        self._room: SimpleQueue[None] = SimpleQueue()
        self._awaited = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether `close` was called: nothing is taken any more."""
        return self._closed

    @property
    def idle(self) -> bool:
        """Whether everything that was put before this call has been handed over."""
        # In this order: what is not among the items any more was taken under the lock, and is handed over before that is free.
        return not self._items and not self._handing.locked()

    def put(self, item: T) -> bool:
        """Take ``item``; False if it was refused because the queue is full or closed."""
        items = self._items
        if len(items) < self._attend_at:
            items.append(item)
            # Looked at afterwards: what came before the end is handed over, and nothing else stays here; 5 ns.
            return self._take_back() if self._closed else True
        return self._put_attended(item)

    def _put_attended(self, item: T) -> bool:
        """Put an item that may have to be refused, or after which there is more to do."""
        items = self._items
        if self._relieves and len(items) >= self._limit:
            self._relieve()
        if self._closed or len(items) >= self._limit:
            if self._refused is not None:
                self._refused(item)
            return False
        items.append(item)
        if self.closed:  # anew: the end may have come in between
            return self._take_back()
        if self._thread is None:
            self._start()
        if len(items) >= self._ring_at and not self._rung:
            self._ring()
        # Once the bell has rung, the thread knows; it asks for attention anew when it has taken its turn. Without a thread,
        # since the interpreter shuts down, each item is attended to.
        if self._thread is not None:
            self._attend(self._full_at if self._rung else self._ring_at - 1)
        # Afterwards, since a signal handler may raise into it: the item is in.
        if self._relieves and len(items) > self._relieve_at:
            self._relieve()
        return True

    def _take_back(self) -> bool:
        """Refuse the newest item, for one that came while `close` was called; True if everything has been handed over.

        It may be another one that came at that moment, whoever put that: each who finds the end come takes one, so that
        what stays is as much as was let in before. No lock could do this: one that a signal handler interrupts would wait.
        """
        try:
            item = self._items.pop()
        except IndexError:
            return True
        if self._refused is not None:
            self._refused(item)
        return False

    def _attend(self, at: int) -> None:
        """Have `put` attend to items again when there are so many."""
        self._attend_at = at
        # `close` may have come in between, after which no item is taken without being looked at.
        if self._closed:
            self._attend_at = 0

    def wake(self) -> None:
        """Start the thread if there is none, so that ``tick`` is called though nothing was put yet. Never raises."""
        if self._thread is None and not self._closed:
            self._start()

    def _relieve(self) -> None:
        """Make room: hand over a batch on this thread, or wait a moment until somebody else has."""
        items, handing, me = self._items, self._handing, threading.get_ident()
        if self._closed or self._hander == me:
            # The latter: from within `handle`, or from a signal handler or a finalizer that interrupted it.
            return
        now = time.monotonic()
        if now < self._no_relief_before:
            return
        give_up_at, handed = now + _RELIEF_S, self._handed
        if self._thread is not None and me == threading.main_thread().ident:
            self._wait_for_room(give_up_at)
            return
        while not handing.acquire(timeout=_RELIEF_S / 20):
            if len(items) < self._relieve_at:
                return
            if time.monotonic() >= give_up_at:
                self._give_up(give_up_at, handed)
                return
        self._hander = me
        try:
            self._hand_over_chunk(min(self._batch, len(items)))
        finally:
            self._hander = None
            handing.release()

    def _wait_for_room(self, give_up_at: float) -> None:
        """Wait until others have made room. For the main thread, which handles no batch itself.

        Signal handlers run there, and what they raise (Ctrl-C, ``sys.exit`` on SIGTERM) is the program's: it must neither break
        a batch in two nor be contained with the faults of ``handle``.
        """
        handed = self._handed
        self._ring()
        while True:
            # First said, then looked: whoever hands over between the two rings all the same.
            self._awaited = True
            if len(self._items) < self._relieve_at:
                return
            left_s = give_up_at - time.monotonic()
            if left_s <= 0:
                self._give_up(give_up_at, handed)
                return
            with suppress(Empty):
                self._room.get(timeout=left_s)

    def _give_up(self, at: float, handed: int) -> None:
        """Have nobody wait for a while if nothing was handed over meanwhile: whoever is at it is stuck.

        Where something was, the others are only quicker: whoever puts the next item waits a moment again, so that the queue
        does not fill up.
        """
        if self._handed == handed:
            self._no_relief_before = at + 10 * _RELIEF_S

    def flush(self, timeout_s: float) -> bool:
        """Hand over everything that is here now; False if that took longer than ``timeout_s``."""
        return self.call(lambda: None, timeout_s)

    def call(self, errand: Callable[[], None], timeout_s: float) -> bool:
        """Do ``errand`` on the draining thread after everything that is here now was handed over.

        Returns False if that took longer than ``timeout_s``; the errand is done later all the same. From within ``handle``
        the errand is done at once, in front of what waits. It must not raise.
        """
        me = threading.get_ident()
        if self._hander == me:
            errand()
            return True
        if self._thread is None and (self._items or not self._closed):
            self._start()
        note = _Errand(errand)
        self._errands.append(note)
        self._ring()
        deadline = time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, min(deadline - time.monotonic(), _LONGEST_WAIT_S))
            thread = self._thread
            there = thread is not None and thread.is_alive()
            if not there and self._starter in (None, me):
                # The interpreter shuts down and starts no threads, or the last one has ended, or a signal handler interrupted
                # its start: this thread does it.
                self._take_turn(left_s)
                left_s = 0.0
            elif self._closed or not there:
                left_s = min(left_s, _LOOK_AGAIN_S)
            try:
                note.done.get(timeout=left_s)
            except Empty:
                if time.monotonic() >= deadline:
                    return False
            else:
                return True

    def close(self, timeout_s: float, last: Callable[[], None] | None = None) -> list[T]:
        """Refuse new items, hand over what is here, do ``last``, end the thread.

        Returns the items that there was no time for; they were not handed over and never will be.
        """
        self._closed = True
        self._attend_at = 0
        finished = self.call(last or (lambda: None), timeout_s) if self._thread or self._items or last else True
        left: list[T] = []
        while not finished:
            # Item by item, because the thread may still be taking from the other hand.
            try:
                left.append(self._items.popleft())
            except IndexError:
                break
        self._ring()
        return left

    # -- the thread ------------------------------------------------------------------------------------------------

    def _ring(self) -> None:
        self._rung = True
        self._bell.put(None)

    def _start(self) -> None:
        # Not waited for: if a signal handler interrupted the start, its end is in a frame below us.
        if not self._starting.acquire(blocking=False):
            return
        self._starter = threading.get_ident()
        try:
            if self._thread is None:
                if self._prepare is not None and not self._prepared:
                    self._prepared = True
                    try:
                        self._prepare()
                    except Exception:  # noqa: BLE001 - a bug; but not the program's own Ctrl-C, which may come right here
                        _log.exception("%s could not be prepared", self._name)
                # In a context of its own: what is current where the first item was put is not current here.
                work = partial(Context().run, self._run)
                thread = threading.Thread(target=work, name=self._name, daemon=True)
                # If the interpreter is shutting down, `flush` or `close` will hand over what is here.
                start(thread, self._hold)
        finally:
            self._starter = None
            self._starting.release()

    def _hold(self, thread: threading.Thread | None) -> None:
        self._thread = thread

    def _run(self) -> None:
        if self._thread is not threading.current_thread():
            return
        while not (self._closed and not self._items and not self._errands):
            self._sleep()
            self._rung = False
            self._take_turn(-1)
            self._attend(self._ring_at - 1)

    def _sleep(self) -> None:
        """Wait until it is time to hand over what is here; tick meanwhile, where items may wait for longer than ticks do."""
        left_s = self._delay_s
        wake_at = time.monotonic() + left_s
        while self._ticks_between and left_s > self._tick_s:
            try:
                self._bell.get(timeout=self._tick_s)
            except Empty:
                self._take_turn(-1, only_tick=True)
            else:
                return
            left_s = max(0.0, wake_at - time.monotonic())
        with suppress(Empty):
            self._bell.get(timeout=left_s)

    def _take_turn(self, timeout_s: float, *, only_tick: bool = False) -> None:
        """Hand over what is here and do the errands, on this thread; not if another one is at it for all that time.

        Args:
            timeout_s: -1: as long as it takes.
            only_tick: Leave both for later, and tick if that is due.
        """
        handing = self._handing
        if not handing.acquire(timeout=timeout_s):
            return
        self._hander = threading.get_ident()
        try:
            if only_tick:
                self._tick_if_due()
            else:
                self._hand_over(self._take_errands())
        finally:
            self._hander = None
            handing.release()

    def _take_errands(self) -> list[_Errand]:
        return [self._errands.popleft() for _ in range(len(self._errands))]

    def _hand_over(self, errands: list[_Errand]) -> None:
        """Hand over what is here, then do ``errands``, which were taken before that was counted."""
        items = self._items
        remaining = len(items)
        if not remaining and self._tick_when_idle:
            self._safely(partial(self._handle, []))
        while remaining > 0:
            handed = self._hand_over_chunk(min(self._batch, remaining))
            remaining = remaining - handed if handed else 0  # `close` may have given up on the rest
            self._tick_if_due()
        self._tick_if_due()
        for note in errands:
            self._safely(note.errand)
            note.done.put(None)

    def _hand_over_chunk(self, size: int) -> int:
        """Hand over the oldest items, at most ``size``; return how many there were."""
        items = self._items
        chunk: list[T] = []
        with suppress(IndexError):
            for _ in range(size):
                chunk.append(items.popleft())
        if chunk:
            self._safely(partial(self._handle, chunk))
            self._handed += 1
        if self._awaited:
            self._awaited = False
            self._room.put(None)
        return len(chunk)

    def _tick_if_due(self) -> None:
        if self._tick is not None and time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + self._tick_s
            self._safely(self._tick)

    def _safely(self, do: Callable[[], None]) -> None:
        try:
            do()
        except BaseException:  # noqa: BLE001 - without this thread everything after would be lost
            _log.exception("%s met a bug; the batch may be lost, the next one is handled", self._name)
