"""The store's one writer."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._folder import make_private_folder
from otelkit.embedded.store import log_rows, point_rows, span_rows
from otelkit.embedded.store.connection import connect_writer, explained
from otelkit.embedded.store.dictionary import AttributeDictionary
from otelkit.embedded.store.heartbeats import Heartbeats
from otelkit.embedded.store.kinds import Kinds
from otelkit.embedded.store.lock import WriterLock
from otelkit.embedded.store.retention import Retention
from otelkit.embedded.store.rollups import Rollups
from otelkit.embedded.store.runs import Runs
from otelkit.embedded.store.traces import TraceNumbers
from otelkit.embedded.wire import Batch
from otelkit.errors import StoreError

_HOUR_NS: Final = 3_600_000_000_000
_MINUTE_NS: Final = 60_000_000_000
REQUESTS_REMEMBERED: Final = 20_000
"""So many of the latest requests are recognised when they are sent again."""


class Cleaned(NamedTuple):
    """What one call of `Store.maintain` did."""

    deleted: Mapping[str, int]
    """How much: ``traces``, ``spans``, ``logs``, ``points``, ``runs``, ``attributes`` (of the dictionary); what is missing is
    0."""
    more: bool
    """Whether there may be more to do at once."""


class Store:
    """The one writer of a store. Thread-safe; make it with `open`."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, lock: WriterLock, retention: Retention, clock: Clock
    ) -> None:
        self.path: Final = path
        self._connection = connection
        self._writer_lock = lock
        self._retention = retention
        self._clock = clock
        self._lock = threading.RLock()
        self._closed = False
        self._ahead = False
        self._load()

    @classmethod
    def open(cls, path: Path, *, max_bytes: int, max_age_s: float, clock: Clock = SYSTEM_CLOCK) -> Store:
        """Return the writer of the store at ``path``; makes folder, file and tables if there are none.

        Args:
            path: The store's file.
            max_bytes: Size above which the oldest whole traces are deleted.
            max_age_s: Age, counted from arrival, above which whole traces are deleted.
            clock: Tells when data arrives.

        Raises:
            StoreLockedError: Another process writes to it.
            StoreCorruptError: The file is damaged, or a database of another program. It is not touched.
            StoreVersionError: It was written by a newer otelkit. It is not touched.
            StoreFullError: There is no room to make it.
            StoreError: The folder or file can't be written.
        """
        try:
            make_private_folder(path.parent)
        except OSError as error:
            raise StoreError(
                f"the store {path} could not be opened for writing: {error}; expected a folder that this user may write. "
                "Name another folder in the setting store_dir.",
                path=path,
            ) from error
        lock = WriterLock(path)
        lock.take()
        try:
            connection = connect_writer(path, max_bytes)
            try:
                with explained(path, "opened"):
                    return cls(path, connection, lock, Retention(connection, max_bytes, max_age_s), clock)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            lock.release()
            raise

    def _load(self) -> None:
        """Begin with what the tables say."""
        connection, now_ns = self._connection, self._clock.now_ns()
        first = dict.fromkeys(("span", "trace", "log", "point"), 1)
        first.update(connection.execute("SELECT name, next FROM counter").fetchall())
        self._runs = Runs(connection)
        self._rollups = Rollups()
        self._kinds = Kinds(connection, self._runs)
        self._traces = TraceNumbers(connection, first["trace"])
        self._attributes = AttributeDictionary(connection, now_ns // _HOUR_NS)
        self._spans = span_rows.SpanRows(
            self._attributes, self._kinds, self._traces, self._runs, self._rollups, first["span"]
        )
        self._heartbeats = Heartbeats(connection)
        self._logs = log_rows.LogRows(
            self._attributes, self._kinds, self._traces, self._runs, self._heartbeats, first["log"]
        )
        self._points = point_rows.PointRows(connection, self._kinds, first["point"])
        self._requests = dict.fromkeys(
            digest
            for (digest,) in connection.execute(
                "SELECT digest FROM (SELECT * FROM request ORDER BY id DESC LIMIT ?) ORDER BY id",
                (REQUESTS_REMEMBERED,),
            )
        )
        self._minute = 0

    def write(self, batches: Sequence[Batch]) -> None:
        """Store the batches in one transaction; on return they are there, and survive the death of this process.

        A request that is among the latest 20,000 stored ones, byte for byte, is a repetition and not stored again.

        Raises:
            StoreFullError: There is no room. Nothing of the batches was stored; the store can be used on.
            StoreError: It could not be written for another reason; likewise.
        """
        with self._transaction("written") as now_ns:
            fresh = []
            for batch in batches:
                if batch.digest:
                    if batch.digest in self._requests:
                        continue
                    self._requests[batch.digest] = None
                fresh.append(batch)
            if self._attributes.turn(now_ns // _HOUR_NS):
                self._spans.forget_attributes()
            self._note_arrival(now_ns)
            self._insert(fresh, now_ns)
            self._remember([batch.digest for batch in fresh if batch.digest])
            self._forget(self._retention.make_room(sum(batch.count for batch in fresh), now_ns))

    def _forget(self, deleted: Counter[str]) -> None:
        """Drop what memory holds of things that are no longer there."""
        if deleted["runs"] or deleted["attributes"]:
            self._load()
        elif deleted:
            self._runs.forget()
            self._traces.forget()

    def _insert(self, batches: Sequence[Batch], now_ns: int) -> None:
        connection = self._connection
        spans: list[tuple[Any, ...]] = []
        for batch in batches:
            for group in batch.groups:
                if batch.signal == "traces":
                    spans += self._spans.rows(group, now_ns)
                elif batch.signal == "logs":
                    connection.executemany(log_rows.INSERT, self._logs.rows(group, now_ns))
                else:
                    connection.executemany(point_rows.INSERT, self._points.rows(group, now_ns))
        connection.executemany(span_rows.INSERT, spans)
        if self._heartbeats.spans and spans:
            self._heartbeats.ended(row[span_rows.SPAN_ID] for row in spans)
        self._attributes.write(connection)
        self._rollups.write(connection)
        self._points.write()
        self._runs.write(now_ns)
        connection.executemany(
            "INSERT OR REPLACE INTO counter VALUES (?, ?)",
            [
                ("span", self._spans.next),
                ("trace", self._traces.next),
                ("log", self._logs.next),
                ("point", self._points.next),
            ],
        )

    def _note_arrival(self, now_ns: int) -> None:
        minute = now_ns // _MINUTE_NS
        if minute != self._minute:
            self._minute = minute
            self._connection.execute(
                "INSERT OR IGNORE INTO arrival VALUES (?, ?, ?, ?)",
                (minute, self._traces.next, self._logs.next, self._points.next),
            )

    def _remember(self, digests: list[bytes]) -> None:
        if not digests:
            return
        self._connection.executemany("INSERT INTO request (digest) VALUES (?)", [(digest,) for digest in digests])
        surplus = len(self._requests) - REQUESTS_REMEMBERED
        if surplus > 0:
            for digest in list(self._requests)[:surplus]:
                del self._requests[digest]
            self._connection.execute(
                "DELETE FROM request WHERE id <= (SELECT max(id) FROM request) - ?", (REQUESTS_REMEMBERED,)
            )

    def set_run(
        self,
        run_id: str,
        *,
        name: str | None = None,
        state: str | None = None,
        exit_code: int | None = None,
        started_ns: int | None = None,
        ended_ns: int | None = None,
        command: str | None = None,
    ) -> None:
        """Say what is known of a run besides its telemetry; None leaves what was said before.

        Args:
            run_id: The run; made if there is none of this id yet.
            name: Shown unless the run's root span tells another.
            state: ``running``, ``ok``, ``failed`` or ``interrupted``.
            exit_code: Of the program.
            started_ns: Unix nanoseconds.
            ended_ns: Unix nanoseconds.
            command: What was run.

        Raises:
            StoreError: As for `write`.
        """
        with self._transaction("written") as now_ns:
            run = self._runs.get(run_id, now_ns)
            self._connection.execute(
                "UPDATE run SET given_name = coalesce(?, given_name), state = coalesce(?, state), "
                "exit_code = coalesce(?, exit_code), started_ns = coalesce(?, started_ns), "
                "ended_ns = coalesce(?, ended_ns), command = coalesce(?, command) WHERE no = ?",
                (name, state, exit_code, started_ns, ended_ns, command, run.no),
            )

    def maintain(self) -> Cleaned:
        """Delete a slice of what is too old or too much, whole traces only, or give a slice of the space back.

        Call it about once a minute, and again, after what waits to be written, as long as there is more: a slice is one
        transaction, about as long as that of the largest write.

        Raises:
            StoreError: As for `write`.
        """
        with self._transaction("cleaned up") as now_ns:
            deleted, more = self._retention.clean(now_ns)
            self._forget(deleted)
        return Cleaned(deleted, more)

    @contextmanager
    def _transaction(self, doing: str) -> Iterator[int]:
        """Run a block in a transaction; yields the time. If it fails, nothing of it is left, in the file or in memory."""
        with self._lock, explained(self.path, doing):
            if self._closed:
                raise StoreError(
                    f"the store {self.path} is closed; expected an open one. Open it again.", path=self.path
                )
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                if self._ahead:
                    self._load()
                    self._ahead = False
                yield self._clock.now_ns()
                self._connection.execute("COMMIT")
            except BaseException:
                # Memory may know of rows that are not there: the next transaction begins with what the tables say.
                self._ahead = True
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file and let other writers have it. Repeated calls do nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                # So that the file is whole by itself; a reader that is at work only puts it off.
                with suppress(sqlite3.Error):
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._connection.close()
                self._writer_lock.release()
