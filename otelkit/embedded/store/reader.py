"""Read access to a store: implements ``otelkit.model.views.Reader``."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit.embedded.store.connection import connect_reader, explained
from otelkit.embedded.store.export import Export
from otelkit.embedded.store.run_views import RunViews
from otelkit.embedded.store.schema import VERSION
from otelkit.embedded.store.trace_ends import trace_ends
from otelkit.embedded.store.trace_views import TraceViews
from otelkit.model.views import LossRow, MinuteRow, RunRow, TraceEnd, TraceView


class SqliteReader:
    """Reads one store. Each answer is of one moment. Thread-safe; make it with `open_reader`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Clock) -> None:
        self._path: Final = path
        self._connection = connection
        self._clock = clock
        self._lock = threading.RLock()
        self._runs = RunViews(connection)
        self._traces = TraceViews(connection)

    def runs(self, limit: int = 20) -> list[RunRow]:
        """Return the newest runs first, without stages."""
        with self._snapshot():
            return self._runs.newest(limit, self._clock.now_ns())

    def run(self, run_id: str) -> RunRow | None:
        """Return one run with its stages, queues and notable items; a unique prefix of the id is enough."""
        with self._snapshot():
            return self._runs.one(run_id, self._clock.now_ns())

    def minutes(self, run_id: str) -> list[MinuteRow]:
        """Return one run's stages minute by minute; a unique prefix of the id is enough, and no such run gives nothing."""
        with self._snapshot():
            number = self._runs.find(run_id)
            return [] if number is None else self._runs.minutes(number)

    def losses(self, limit: int = 20) -> list[LossRow]:
        """Return what runs have lost, by signal and reason; those of the newest runs first, at most ``limit`` of them."""
        with self._snapshot():
            return self._runs.losses(limit, self._clock.now_ns())

    def trace(self, trace_id: str) -> TraceView | None:
        """Return one trace; a unique prefix of the id is enough."""
        with self._snapshot():
            found = self._traces.find(trace_id.lower())
            return None if found is None else self._traces.view(*found)

    def trace_ends(self, run_id: str, limit: int) -> list[TraceEnd]:
        """Return one run's traces by their end, at most ``limit``; a unique prefix of the id is enough."""
        with self._snapshot():
            number = self._runs.find(run_id)
            return [] if number is None else trace_ends(self._connection, number, limit)

    def export(self, run_id: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield OTLP/JSON objects of at most 500 items each: spans, then log records, then metrics.

        Args:
            run_id: Only what belongs to this run (a unique prefix is enough); None: everything.

        Each object is of one moment; what a writer adds or deletes meanwhile may be in or not.
        """
        export = Export(self._connection)
        if run_id is not None:
            with self._snapshot():
                number = self._runs.find(run_id)
            if number is None:
                return
            export.only(number)
        while True:
            with self._snapshot():
                piece = export.next()
            if piece is None:
                return
            yield piece

    def stats(self) -> Mapping[str, int]:
        """Return counts: spans, traces, logs, points, runs, attributes, bytes on disk, schema version."""
        with self._snapshot():
            counts = {}
            counts["spans"], counts["logs"], counts["points"], counts["runs"] = self._connection.execute(
                "SELECT coalesce(sum(spans), 0), coalesce(sum(logs), 0), coalesce(sum(points), 0), count(*) FROM run"
            ).fetchone()
            for what, table in (("traces", "trace"), ("attributes", "attribute")):
                (counts[what],) = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        counts["bytes"] = sum(
            file.stat().st_size for suffix in ("", "-wal") if (file := Path(f"{self._path}{suffix}")).exists()
        )
        counts["schema_version"] = VERSION
        return counts

    def close(self) -> None:
        """Close the file. Repeated calls do nothing."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Let a block see the store as it is at one moment."""
        with self._lock, explained(self._path, "read"):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")


def open_reader(path: Path, *, clock: Clock = SYSTEM_CLOCK) -> SqliteReader:
    """Return read access to the store at ``path``; works beside a writer in another process, and without one.

    Raises:
        StoreMissingError: There is no store at that path.
        StoreCorruptError: The file is damaged, or a database of another program.
        StoreVersionError: It was written by a newer otelkit.
        StoreError: It can't be read for another reason.
    """
    return SqliteReader(path, connect_reader(path), clock)
