"""The embedded store's file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from otelkit.errors import StoreCorruptError, StoreError, StoreMissingError, StoreVersionError
from otelkit.model.checks import Finding, Severity
from otelkit.model.views import Reader

_MIB: Final = 1024 * 1024


def find_store_troubles(path: Path, open_reader: Callable[[Path], Reader], max_bytes: int) -> Iterator[Finding]:
    """Yield what is wrong with the store's file.

    Args:
        path: The file; it need not exist.
        open_reader: Opens it for reading.
        max_bytes: Size above which old traces should have been deleted.
    """
    trouble = _open_and_ask(path, open_reader)
    if trouble is not None:
        yield trouble
        return
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        yield Finding(
            "store.read_only",
            Severity.ERROR,
            f"The store {path} can be read, but not written by this user.",
            "New runs can't be stored.",
            "Correct the permissions of the file and its folder, or set store_dir to another folder.",
        )
    size = path.stat().st_size
    # A quarter more than the limit: deletion comes after the fact, and frees whole traces only.
    if size > max_bytes * 1.25:
        yield Finding(
            "store.large",
            Severity.WARNING,
            f"The store {path} has {size / _MIB:.0f} MiB; store_max_bytes is {max_bytes / _MIB:.0f} MiB.",
            "Old traces are deleted only while a receiver runs.",
            "Start one with `otelkit up`, or delete the file.",
        )


def _open_and_ask(path: Path, open_reader: Callable[[Path], Reader]) -> Finding | None:
    try:
        reader = open_reader(path)
        try:
            reader.stats()
            reader.runs(limit=1)
        finally:
            reader.close()
    except StoreMissingError:
        return Finding(
            "store.missing",
            Severity.NOTE,
            f"There is no store at {path} yet.",
            "Nothing has been recorded from this folder.",
            "Run your program with `otelkit run`, or try `otelkit demo`.",
        )
    except StoreVersionError as error:
        return Finding(
            "store.newer",
            Severity.ERROR,
            str(error),
            "This otelkit can neither read nor write it.",
            f"Update otelkit, or move {path} away to start a new store.",
        )
    except StoreCorruptError as error:
        return Finding(
            "store.corrupt",
            Severity.ERROR,
            str(error),
            "Runs in it can't be read, and new ones can't be stored.",
            f"Move {path} away (with its -wal and -shm files); the next run starts a new store.",
        )
    except StoreError as error:
        return Finding(
            "store.unreadable",
            Severity.ERROR,
            str(error),
            "Runs can't be read.",
            "Correct the permissions of the file and its folder, or set store_dir to another folder.",
        )
    return None
