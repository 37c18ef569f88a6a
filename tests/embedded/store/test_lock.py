"""One writer at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from otelkit.embedded.store.lock import WriterLock
from otelkit.errors import StoreError, StoreLockedError


def open_files() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    """By the id of its process."""
    first, second = WriterLock(tmp_path / "x.db"), WriterLock(tmp_path / "x.db")
    first.take()
    with pytest.raises(StoreLockedError, match=f"pid {os.getpid()}"):
        second.take()
    first.release()
    second.take()
    second.release()


@pytest.mark.parametrize(
    ("where", "call", "number", "says"),
    [
        (fcntl, "flock", errno.ENOLCK, "can't be locked"),
        (os, "ftruncate", errno.EIO, "can't be written"),
        (os, "pwrite", errno.ENOSPC, "can't be written"),
    ],
)
def test_other_failures_are_not_called_another_writer(
    where: object, call: str, number: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are store errors in our words, and leave no file open."""

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    before = open_files()
    lock = WriterLock(tmp_path / "x.db")
    with monkeypatch.context() as patched:
        patched.setattr(where, call, fail)
        with pytest.raises(StoreError, match=says) as met:
            lock.take()

    assert not isinstance(met.value, StoreLockedError)
    assert open_files() == before
    lock.take()
    lock.release()
