"""What was seen lately, so that the first of its kind can be told from the many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Sightings:
    """Remembers when each kind was seen, at most ``limit`` kinds. Not thread-safe.

    Whether something is a first sight follows from what came before it and from the time, never from what was kept: so a
    trace may be kept for it with certainty (``th:0``), and counts made from kept traces stay true.

    Args:
        window_ns: How long a kind is remembered.
        limit: Most kinds, >= 1. While so many are remembered another kind is not new, so that at most ``limit`` are new in a
            window. If it took the place of the oldest, kinds that come by turns would push each other out, and be new for ever.
        again: Whether a kind that never stops is new once per window. Else each sight starts its window anew, so that it is
            new only after a window without it.
    """

    def __init__(self, window_ns: int, limit: int, *, again: bool) -> None:
        self._window_ns = window_ns
        self._limit = limit
        self._again = again
        self._seen_ns: OrderedDict[Hashable, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen_ns)

    def is_first(self, kind: Hashable, now_ns: int) -> bool:
        """Return whether this kind is new; from now on it is not."""
        seen_ns = self._seen_ns.get(kind)
        if seen_ns is None:
            if len(self._seen_ns) >= self._limit and not self._make_room(now_ns):
                return False
        elif self._within(seen_ns, now_ns):
            if not self._again:
                self._remember(kind, now_ns)
            return False
        self._remember(kind, now_ns)
        return True

    def remembered(self) -> list[tuple[Hashable, int]]:
        """Return what is remembered and since when, the oldest first."""
        return list(self._seen_ns.items())

    def _within(self, seen_ns: int, now_ns: int) -> bool:
        # A clock that was set back makes everything new at most once.
        return 0 <= now_ns - seen_ns < self._window_ns

    def _remember(self, kind: Hashable, now_ns: int) -> None:
        self._seen_ns[kind] = now_ns
        self._seen_ns.move_to_end(kind)

    def _make_room(self, now_ns: int) -> bool:
        oldest_ns = next(iter(self._seen_ns.values()))
        if self._within(oldest_ns, now_ns):
            return False
        self._seen_ns.popitem(last=False)
        return True
