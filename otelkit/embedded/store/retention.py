"""Deletes what is too old or too much, the oldest arrivals first.

Traces go whole: with all their spans and log records, whenever those came. A trace that was heard of in the last minutes is
spared as long as anything else is left to delete. A run goes when nothing of it is left.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Final, NamedTuple

_ACTIVE_S: Final = (300, 120, 60, -1)
"""To make room, first go traces that were not heard of for so long, then those for so long …; -1: whatever is left."""

_TRACES: Final = 2_000
_SPANS: Final = 20_000
"""Work in one transaction: so many traces, or traces of about so many spans."""

_FEW_SPANS: Final = 200
"""The least to delete at once, so that not every small write has to."""

_VACUUM_PAGES: Final = 2_000
_FEW_PAGES: Final = 64
_FREE_SHARE: Final = 0.1
_SECOND_NS: Final = 1_000_000_000

# An attribute is marked with the hour of its last use; one more hour covers a clock that was set back a little.
_MARGIN_H: Final = 2


class _Bound(NamedTuple):
    """Everything numbered below arrived before some moment."""

    trace: int
    log: int
    point: int


class Retention:
    """Bounds the store by age and size. Works inside the writer's transactions, a slice at a time.

    Args:
        connection: The writer's.
        max_bytes: Of the database file's pages in use.
        max_age_s: Since arrival.
    """

    def __init__(self, connection: sqlite3.Connection, max_bytes: int, max_age_s: float) -> None:
        self._connection = connection
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s

    def make_room(self, written: int, now_ns: int) -> Counter[str]:
        """Delete more than was ``written`` if the store is too big. Returns what was deleted."""
        if self._used_bytes() <= self._max_bytes:
            return Counter()
        return self._shrink(now_ns, max(2 * written, _FEW_SPANS))

    def clean(self, now_ns: int) -> tuple[Counter[str], bool]:
        """Delete one slice of what has to go. Returns what was deleted, and whether there may be more."""
        deleted = self._age(now_ns)
        if not deleted and self._used_bytes() > self._max_bytes:
            deleted = self._shrink(now_ns, _SPANS)
        if deleted:
            return deleted, True
        deleted = self._forget_attributes()
        return deleted, self._vacuum() or bool(deleted)

    def _used_bytes(self) -> int:
        return self._pragma("page_size") * (self._pragma("page_count") - self._pragma("freelist_count"))

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    def _age(self, now_ns: int) -> Counter[str]:
        cutoff_s = now_ns // _SECOND_NS - int(self._max_age_s)
        deleted = self._delete(self._bound(cutoff_s // 60), cutoff_s, _SPANS)
        return deleted or self._delete_runs(cutoff_s * _SECOND_NS)

    def _shrink(self, now_ns: int, spans: int) -> Counter[str]:
        """Delete from the oldest minute that has anything to delete; traces still growing only when nothing else is left."""
        now_s = now_ns // _SECOND_NS
        for silent_s in _ACTIVE_S:
            minute = self._oldest(now_s - silent_s)
            if minute is not None:
                deleted = self._delete(self._bound(minute), now_s - silent_s, spans)
                return deleted + self._delete_runs((minute + 1) * 60 * _SECOND_NS)
        return self._delete_runs(now_ns)

    def _oldest(self, arrived_before_s: int) -> int | None:
        """Return the minute in which the oldest of what may be deleted arrived; None if there is nothing."""
        minutes = []
        for column, query, parameters in (
            ("trace", "SELECT no FROM trace WHERE arrived_s < ? ORDER BY no LIMIT 1", (arrived_before_s,)),
            ("log", "SELECT id FROM log WHERE trace IS NULL ORDER BY id LIMIT 1", ()),
            ("point", "SELECT id FROM point ORDER BY id LIMIT 1", ()),
        ):
            row = self._connection.execute(query, parameters).fetchone()
            if row is not None:
                minutes += self._connection.execute(
                    f"SELECT max(minute) FROM arrival WHERE {column} <= ?", row
                ).fetchone()
        return min((minute for minute in minutes if minute is not None), default=None)

    def _bound(self, minute: int) -> _Bound:
        """Return what bounds the numbers given out in ``minute`` and before."""
        row = self._connection.execute(
            "SELECT trace, log, point FROM arrival WHERE minute > ? ORDER BY minute LIMIT 1", (minute,)
        ).fetchone()
        if row is None:
            last = dict(self._connection.execute("SELECT name, next FROM counter").fetchall())
            row = (last.get("trace", 1), last.get("log", 1), last.get("point", 1))
        return _Bound(*row)

    def _delete(self, bound: _Bound, arrived_before_s: int, spans: int) -> Counter[str]:
        deleted = self._delete_traces(bound.trace, arrived_before_s, spans)
        deleted += self._delete_rows("log", bound.log, spans)
        deleted += self._delete_rows("point", bound.point, spans)
        if deleted:
            self._forget_minutes()
        return deleted

    def _delete_traces(self, bound: int, arrived_before_s: int, spans: int) -> Counter[str]:
        execute = self._connection.execute
        deleted: Counter[str] = Counter()
        by_run: dict[str, Counter[int]] = {"spans": Counter(), "logs": Counter()}
        traces = execute(
            "SELECT no FROM trace WHERE no < ? AND arrived_s < ? ORDER BY no LIMIT ?",
            (bound, arrived_before_s, _TRACES),
        ).fetchall()
        for (trace,) in traces:
            by_run["spans"].update(
                dict(
                    execute(
                        "SELECT run, count(*) FROM span JOIN shape ON shape.id = shape WHERE trace = ? GROUP BY run",
                        (trace,),
                    )
                )
            )
            by_run["logs"].update(dict(execute("SELECT run, count(*) FROM log WHERE trace = ? GROUP BY run", (trace,))))
            deleted["spans"] += execute("DELETE FROM span WHERE trace = ?", (trace,)).rowcount
            deleted["logs"] += execute("DELETE FROM log WHERE trace = ?", (trace,)).rowcount
            execute("DELETE FROM trace WHERE no = ?", (trace,))
            deleted["traces"] += 1
            if deleted["spans"] >= spans:
                break
        for column, counts in by_run.items():
            self._subtract(column, counts)
        return +deleted

    def _delete_rows(self, table: str, bound: int, most: int) -> Counter[str]:
        """Delete the oldest log records that belong to no trace, or the oldest points."""
        execute = self._connection.execute
        if table == "log":
            condition, run = "trace IS NULL AND id < ?", "run"
        else:
            condition, run = "id < ?", "(SELECT run FROM series WHERE series.id = series)"
        chosen = f"SELECT id FROM {table} WHERE {condition} ORDER BY id LIMIT {most}"
        counts = Counter(
            dict(
                execute(
                    f"SELECT {run} AS of_run, count(*) FROM {table} WHERE id IN ({chosen}) GROUP BY of_run", (bound,)
                )
            )
        )
        if not counts:
            return Counter()
        self._subtract(f"{table}s", counts)
        return Counter({f"{table}s": execute(f"DELETE FROM {table} WHERE id IN ({chosen})", (bound,)).rowcount})

    def _subtract(self, column: str, counts: Counter[int]) -> None:
        self._connection.executemany(
            f"UPDATE run SET {column} = {column} - ? WHERE no = ?", [(count, run) for run, count in counts.items()]
        )

    def _delete_runs(self, arrived_before_ns: int) -> Counter[str]:
        """Delete runs of which nothing is left and nothing was heard lately, with their roll-ups."""
        execute = self._connection.execute
        runs = execute(
            "SELECT no FROM run WHERE spans = 0 AND logs = 0 AND points = 0 AND arrived_ns < ? LIMIT ?",
            (arrived_before_ns, _TRACES),
        ).fetchall()
        for (run,) in runs:
            execute("DELETE FROM rollup WHERE run = ?", (run,))
            execute("DELETE FROM series WHERE run = ?", (run,))
            execute("DELETE FROM stage_series WHERE run = ?", (run,))
            execute("DELETE FROM heartbeat WHERE run = ?", (run,))
            execute("DELETE FROM shape WHERE run = ?", (run,))
            execute("DELETE FROM resource WHERE run = ? AND id NOT IN (SELECT resource FROM shape)", (run,))
            execute("DELETE FROM run WHERE no = ?", (run,))
        return +Counter(runs=len(runs))

    def _forget_minutes(self) -> None:
        """Drop the minutes of which nothing is left."""
        self._connection.execute(
            "DELETE FROM arrival WHERE minute < (SELECT max(minute) FROM arrival WHERE "
            "trace <= (SELECT coalesce(min(no), 1 << 62) FROM trace) AND "
            "log <= (SELECT coalesce(min(id), 1 << 62) FROM log) AND "
            "point <= (SELECT coalesce(min(id), 1 << 62) FROM point))"
        )

    def _forget_attributes(self) -> Counter[str]:
        """Drop the dictionary's entries that were last used before anything that is left arrived."""
        cursor = self._connection.execute(
            "DELETE FROM attribute WHERE used_h < (SELECT min(minute) FROM arrival) / 60 - ?", (_MARGIN_H,)
        )
        return +Counter(attributes=cursor.rowcount)

    def _vacuum(self) -> bool:
        """Give a slice of free pages back to the file system if there are many; True if there are still many."""
        free = self._pragma("freelist_count")
        if free <= _FEW_PAGES or free < _FREE_SHARE * self._pragma("page_count"):
            return False
        self._connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
        return self._pragma("freelist_count") < free
