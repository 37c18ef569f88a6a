"""Which span each item of a queue in this process was put in, without touching the item."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from otelkit._guard import in_forked_child

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

# Any below: the items of the user's queues.
MOST: Final = 65_536
"""Items of one queue that are known at a time; those beyond get no link."""

_SLACK: Final = 64
"""Items that may be known beyond those in the queue: being put right now, or taken past the watched object."""

_Entry = tuple[Any, "SpanContext | None"]


class Waybills:
    """Remembers, by an item's identity, the span that put it. Thread-safe, and reentrant as some queues are.

    No item is mistaken for another one that later has its address: an item is held while it is known, or watched by a weak
    reference where its class allows that, so that one which was taken past the watched object can go.

    Args:
        depth: Returns how many items the queue holds; None if it can't tell.
        newest_first: Whether the last item put is the first to be taken; matters for an object that is put several times.
        trusted: Whether the queue is known to hand out the very objects that were put. Of another one only few items are
            remembered until it has shown that it does.
    """

    def __init__(self, depth: Callable[[], int | None], *, newest_first: bool, trusted: bool) -> None:
        self._depth = depth
        self._next = -1 if newest_first else 0
        self._trusted = trusted
        self._entries: dict[int, list[_Entry]] = {}
        self._known = 0
        self._limit = _SLACK
        self._renew_lock()
        in_forked_child(self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.RLock()

    def send(self, item: Any, context: SpanContext | None) -> Any:
        """Note that the span puts the item, which is what to put. Also without a span: equal items keep their order."""
        # Not by trying: a refused weak reference costs more than all of this.
        entry = (weakref.ref(item) if type(item).__weakrefoffset__ else item, context)
        with self._lock:
            if self._known >= self._limit and not self._has_room():
                return item
            self._entries.setdefault(id(item), []).append(entry)
            self._known += 1
        return item

    def withdraw(self, item: Any) -> None:
        """Forget what was noted last of an item that could not be put."""
        self._pop(item, -1)

    def expect(self) -> None:
        """Get ready for a `receive`."""

    def receive(self, item: Any) -> SpanContext | None:
        """Return the span that put an item which was taken; None if it is not known."""
        if not self._known:
            return None
        entry = self._pop(item, self._next)
        if entry is None:
            return None
        self._trusted = True
        return entry[1]

    def _pop(self, item: Any, position: int) -> _Entry | None:
        with self._lock:
            entries = self._entries.get(id(item))
            found = None
            while entries and found is None:
                entry = entries.pop(position)
                self._known -= 1
                if _is_of(entry, item):
                    found = entry
            if entries is not None and not entries:
                del self._entries[id(item)]
            return found

    def _has_room(self) -> bool:
        """Forget items that were taken past the watched object, oldest first; return whether there is room for one more."""
        if self._trusted:
            depth = self._depth()
            if depth is not None:
                self._forget(self._known - depth - _SLACK)
            self._limit = min(MOST, max(_SLACK, 2 * self._known))
        return self._known < self._limit

    def _forget(self, count: int) -> None:
        while count > 0 and self._entries:
            key = next(iter(self._entries))
            gone = len(self._entries.pop(key))
            self._known -= gone
            count -= gone


def _is_of(entry: _Entry, item: Any) -> bool:
    holder = entry[0]
    return holder is item or (type(holder) is weakref.ReferenceType and holder() is item)
