"""Numbers for trace ids, in the order of arrival, and when each trace was last heard of."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

PERIOD_S: Final = 60
_GENERATION: Final = 100_000
_AT_ONCE: Final = 500


class TraceNumbers:
    """The writer's traces. Remembers the latest two periods' worth, within bounds; the others are in the table."""

    def __init__(self, connection: sqlite3.Connection, first: int) -> None:
        self._connection = connection
        self.next = first
        """The number that the next new trace gets."""
        self.known: dict[bytes, int] = {}
        """Traces heard of in this period."""
        self._before: dict[bytes, int] = {}
        self._period = 0

    def learn(self, trace_ids: Iterable[bytes], now_s: int) -> None:
        """Make sure that all of ``trace_ids`` are `known`. Needs an open transaction."""
        if now_s // PERIOD_S != self._period or len(self.known) >= _GENERATION:
            self._period = now_s // PERIOD_S
            self._before, self.known = self.known, {}
        unknown = list(set(trace_ids).difference(self.known))
        if not unknown:
            return
        again = {}
        never_seen = []
        for trace_id in unknown:
            number = self._before.get(trace_id)
            if number is None:
                never_seen.append(trace_id)
            else:
                again[trace_id] = number
        for start in range(0, len(never_seen), _AT_ONCE):
            some = never_seen[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            again.update(
                self._connection.execute(f"SELECT trace_id, no FROM trace WHERE trace_id IN ({marks})", some).fetchall()
            )
        self._connection.executemany(
            "UPDATE trace SET arrived_s = ? WHERE no = ?", [(now_s, number) for number in again.values()]
        )
        self.known.update(again)
        new = []
        for trace_id in never_seen:
            if trace_id not in again:
                self.known[trace_id] = self.next
                new.append((self.next, trace_id, now_s))
                self.next += 1
        self._connection.executemany("INSERT INTO trace VALUES (?, ?, ?)", new)

    def forget(self) -> None:
        """Drop what is remembered: the table says how it is."""
        self.known = {}
        self._before = {}
