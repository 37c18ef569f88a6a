"""Connections to the store's file, and SQLite's errors in our words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from otelkit._folder import PRIVATE_FILE
from otelkit.embedded.store.schema import APPLICATION_ID, STAND_INS, TABLES, UPGRADES, VERSION, statements
from otelkit.errors import (
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreMissingError,
    StoreVersionError,
)

_BUSY_S: Final = 5.0
_CACHE_KIB: Final = 32 * 1024
# What SQLite makes of a file that may not grow, unless the file system says plainly that it is full.
_WRITE_REFUSED: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_SHMSIZE,
    }
)
_PAGE_BYTES: Final = 4_096
_CHECKPOINT_BYTES: Final = 16 * 1024 * 1024


@contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Args:
        path: The store's file.
        doing: What failed, for the message: ``"written"``.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error, path, doing) from error


def _explain(error: sqlite3.Error, path: Path, doing: str) -> StoreError:
    extended: int = getattr(error, "sqlite_errorcode", 0)
    said = f"the store {path} could not be {doing}: {error}"
    if extended == sqlite3.SQLITE_FULL or extended in _WRITE_REFUSED:
        return StoreFullError(
            f"{said}; there is no room left for it, on its file system or within a quota. Nothing of this was stored, and "
            "what was stored before is intact. Free some space, or lower the setting store_max_bytes.",
            path=path,
        )
    match extended & 0xFF:
        case sqlite3.SQLITE_IOERR:
            return StoreError(
                f"{said}; its file system refused it. What was stored before is intact. Check the disk and its mount.",
                path=path,
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return corrupt(path, str(error))
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StoreError(
                f"{said}; expected a file and a folder that this user may write. Change their permissions, or name another "
                "folder in the setting store_dir.",
                path=path,
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreLockedError(
                f"{said}; another process has held it for more than {_BUSY_S:g} s. End that process, or name another folder "
                "in the setting store_dir.",
                path=path,
            )
        case _:
            return StoreError(f"{said}. Run `otelkit doctor`.", path=path)


def corrupt(path: Path, found: str) -> StoreCorruptError:
    """Return the error for a damaged file."""
    return StoreCorruptError(
        f"the store {path} is damaged ({found}); expected a database that otelkit wrote. Move it away, together with the "
        f"files {path.name}-wal and {path.name}-shm if they exist, and a new one is made; nothing was changed in it.",
        path=path,
    )


def connect_writer(path: Path, max_bytes: int) -> sqlite3.Connection:
    """Return a connection for the one writer; makes the file and its tables if there is none.

    A committed transaction survives the death of the process, not necessarily that of the machine: the log is written, and
    flushed to the disk at checkpoints (SQLite's ``synchronous=NORMAL``). It takes 16 MiB beside the file, or a fourth of
    ``max_bytes`` if that is less, and more only while a reader holds on to an old moment.

    Raises:
        StoreError: See `explained`; StoreVersionError for a newer schema, StoreCorruptError for another program's database.
    """
    connection = None
    with explained(path, "opened"):
        try:
            _make_private_file(path)
            connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            # Before anything that writes: what is not ours stays as it is.
            found = _version(connection, path)
            if found < VERSION:
                _make(connection, found)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            log_bytes = min(_CHECKPOINT_BYTES, max_bytes // 4)
            connection.execute(f"PRAGMA wal_autocheckpoint = {max(1, log_bytes // _PAGE_BYTES)}")
            connection.execute(f"PRAGMA journal_size_limit = {log_bytes}")
            connection.execute("PRAGMA temp_store = MEMORY")
            # Deleted telemetry needs no shredding; Debian's SQLite would overwrite it.
            connection.execute("PRAGMA secure_delete = OFF")
            # Shows here, and not at the first span, that the file can be written.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            if connection is not None:
                connection.close()
            raise
    return connection


def _make_private_file(path: Path) -> None:
    """Make the file, if there is none; SQLite would make it readable by everybody, and its log takes after it."""
    # If that is not possible, SQLite says why.
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE))


def _make(connection: sqlite3.Connection, found: int) -> None:
    """Make the tables in an empty file (``found`` is 0), or those of an older version into ours; all of it or nothing."""
    if not found:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in (UPGRADES[version] for version in range(found, VERSION)) if found else (TABLES,):
            for statement in statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of the file; 0 for an empty one.

    Raises:
        StoreVersionError: It is newer than ours.
        StoreCorruptError: It is a database of another program.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables and not version:
        return 0
    if application != APPLICATION_ID:
        raise corrupt(path, "it is a database of another program")
    if version > VERSION:
        raise StoreVersionError(
            f"the store {path} has schema version {version}, written by a newer otelkit; this one knows up to {VERSION}. "
            "Use the newer otelkit, or name another folder in the setting store_dir; nothing was changed in it.",
            path=path,
        )
    return int(version)


def connect_reader(path: Path) -> sqlite3.Connection:
    """Return a read-only connection, beside a writer or without one, also for files that this user can't write.

    Raises:
        StoreMissingError: There is no such file, or it is still empty.
        StoreError: See `explained`.
    """
    if not path.is_file():
        raise StoreMissingError(
            f"there is no store at {path}. Record a run first: `otelkit run python app.py`.", path=path
        )
    with explained(path, "opened"):
        connection = _open_read_only(path)
        try:
            found = _version(connection, path)
            if found == 0:
                raise StoreMissingError(
                    f"the store {path} is empty. Record a run first: `otelkit run python app.py`.", path=path
                )
            for version in range(found, VERSION):
                for statement in statements(STAND_INS[version]):
                    connection.execute(statement)
            connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def _open_read_only(path: Path) -> sqlite3.Connection:
    uri = path.resolve().as_uri()
    try:
        return _try_open(f"{uri}?mode=ro")
    except sqlite3.OperationalError as error:
        log = path.with_name(path.name + "-wal")
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or (log.exists() and log.stat().st_size):
            raise
    # In a folder that can't be written SQLite can't make its shared memory; nobody can write there, so none is needed.
    return _try_open(f"{uri}?immutable=1")


def _try_open(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
