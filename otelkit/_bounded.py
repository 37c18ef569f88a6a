"""Containers that can't grow without limit, and the thread that drains them in batches."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")


class BoundedDict(Generic[K, V]):
    """A mapping with at most ``limit`` entries; the oldest entry leaves first. Not thread-safe by itself."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        self._entries[key] = value
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)


class Drain(Generic[T]):
    """A bounded queue that one background thread empties in batches.

    `put` never blocks and never raises. When the queue is full the new item is refused, and ``put`` says so, so that the
    caller counts it. ``handle`` gets each batch in order, on one thread at a time, and must not raise.
    After a fork the child starts with an empty queue and its own thread; the parent's items stay the parent's.

    Args:
        name: Thread name, for people who look at a stack dump.
        handle: Takes a batch, oldest first. Called with an empty list when ``idle_s`` passed without items, if
            ``tick_when_idle``.
        limit: Most items held, >= 1.
        batch: Most items handed over at once, >= 1.
        delay_s: Longest time an item waits before it is handed over, > 0.
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
    ) -> None:
        self._name = name
        self._handle = handle
        self._limit = limit
        self._batch = batch
        self._delay_s = delay_s
        self._tick_when_idle = tick_when_idle
        self._closed = False
        self._start_over()
        if hasattr(os, "register_at_fork"):
            # Weakly: a registered function stays for the life of the process.
            start_over = weakref.WeakMethod(self._start_over)

            def in_child() -> None:
                again = start_over()
                if again is not None:
                    again()

            os.register_at_fork(after_in_child=in_child)

    def _start_over(self) -> None:
        self._items: deque[T] = deque()
        self._wake = threading.Event()
        # Held while a batch is handled, so that `flush` returns only when its items are through.
        self._handling = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> bool:
        """Take ``item``; False if it was refused because the queue is full or closed."""
        if self._closed or len(self._items) >= self._limit:
            return False
        self._items.append(item)
        if self._thread is None:
            self._start()
        if len(self._items) >= self._batch:
            self._wake.set()
        return True

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closed:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    # The interpreter is shutting down: `close` will hand over what is here.
                    return
                self._thread = thread

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(self._delay_s)
            self._wake.clear()
            if self._items or self._tick_when_idle:
                self._hand_over(len(self._items), deadline=None)

    def _hand_over(self, most: int, deadline: float | None) -> bool:
        """Hand over up to ``most`` items; False if the deadline passed first."""
        timeout = -1 if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._handling.acquire(timeout=timeout):
            return False
        try:
            items = self._items
            while True:
                chunk = [items.popleft() for _ in range(min(self._batch, len(items), most))]
                if chunk or self._tick_when_idle:
                    self._handle(chunk)
                most -= len(chunk)
                if not chunk or most <= 0:
                    return True
                if deadline is not None and time.monotonic() >= deadline:
                    return not items
        finally:
            self._handling.release()

    def flush(self, timeout_s: float) -> bool:
        """Hand over everything that is here now; False if that took longer than ``timeout_s``."""
        return self._hand_over(len(self._items), deadline=time.monotonic() + timeout_s)

    def close(self, timeout_s: float) -> list[T]:
        """Flush, stop the thread, refuse new items. Returns what could not be handed over in time."""
        self._closed = True
        self._wake.set()
        self.flush(timeout_s)
        left: list[T] = []
        while self._items:
            left.append(self._items.popleft())
        return left
