"""Stores results from a thread of its own, so that the disk does not hold up the workers."""

import contextlib
import queue
import sqlite3
import threading
from pathlib import Path

import otelkit
from steps import Facts, store

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, lines INTEGER NOT NULL, nodes INTEGER NOT NULL, depth INTEGER NOT NULL,
    functions INTEGER NOT NULL, classes INTEGER NOT NULL, complexity INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS imports (
    path TEXT NOT NULL, module TEXT NOT NULL, PRIMARY KEY (path, module)
) WITHOUT ROWID;
"""
FILES_PER_COMMIT = 200


class Writer:
    """Takes results one by one, from one thread; what was put is on disk when the ``with`` block is left.

    The queue is bounded: a slow disk slows the program down rather than filling its memory.

    Raises:
        sqlite3.Error: From `put` or on leaving the block: the database cannot be opened or written.
    """

    def __init__(self, path: Path) -> None:
        self.stored = 0
        """Files committed so far."""
        self._path = path
        self._jobs: queue.Queue[tuple[Path, Facts] | None] = otelkit.watch(queue.Queue(maxsize=100), "analyse->store")
        self._failure: Exception | None = None
        # A daemon, so that a second Ctrl-C need not wait for the disk; SQLite keeps what was committed.
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def put(self, path: Path, facts: Facts) -> None:
        """Hand over one result; waits while the queue is full."""
        if self._failure is not None:
            raise self._failure
        self._jobs.put((path, facts))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._jobs.put(None)
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _work(self) -> None:
        try:
            with contextlib.closing(sqlite3.connect(self._path)) as database:
                database.executescript(SCHEMA)
                self._drain(database)
        except Exception as error:  # noqa: BLE001 - raised again in the main thread, by `put` and `__exit__`
            self._failure = error
            # Somebody may be waiting for room in the queue: keep emptying it until the end.
            while self._jobs.get() is not None:
                pass

    def _drain(self, database: sqlite3.Connection) -> None:
        waiting = 0
        while (job := self._jobs.get()) is not None:
            store(database, *job)
            waiting += 1
            if waiting == FILES_PER_COMMIT:
                database.commit()
                self.stored, waiting = self.stored + waiting, 0
        database.commit()
        self.stored += waiting
