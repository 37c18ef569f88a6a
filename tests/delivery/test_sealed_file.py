"""What a process that may be killed keeps."""

from __future__ import annotations

import logging
import os
import resource
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelkit.delivery import sealed_file
from otelkit.delivery.file_lock import lock
from otelkit.delivery.sealed_file import SealedFile
from otelkit.delivery.sealed_record import what_is_left
from otelkit.delivery.waiting import Waiting
from tests.forking import in_child


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".otelkit" / "spool"


@pytest.fixture
def sealed(folder: Path) -> Iterator[SealedFile]:
    made = SealedFile(folder, "traces", 7)
    yield made
    made.close()


@pytest.fixture
def waiting() -> Waiting:
    made = Waiting(10**6)
    made.begin_to_seal()
    return made


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def kept(folder: Path) -> list[bytes]:
    return [each.body for path in files(folder) for each in what_is_left(path.read_bytes())]


def write(sealed: SealedFile, waiting: Waiting) -> bool:
    sealed.note(waiting)
    return sealed.write()


def deliver(waiting: Waiting) -> None:
    """Take the oldest, as if it had been sent."""
    parcel = waiting.take(1)
    assert parcel is not None
    waiting.claim(parcel)
    waiting.forget(parcel)


def test_what_waits_is_in_the_file_and_what_is_gone_is_not(folder: Path, sealed: SealedFile, waiting: Waiting) -> None:
    """In the one file of this process, which only its user may read."""
    waiting.put(b"first", 1)
    waiting.put(b"second", 1, is_error=True)
    assert write(sealed, waiting)
    both = kept(folder)
    deliver(waiting)
    assert write(sealed, waiting)

    assert (both, kept(folder)) == ([b"first", b"second"], [b"second"])
    assert [stat.S_IMODE(path.stat().st_mode) for path in files(folder)] == [0o600]


def test_what_is_gone_before_it_is_noted_is_not_kept(folder: Path, sealed: SealedFile, waiting: Waiting) -> None:
    """Whoever sends may be faster; without anything to keep there is no file."""
    waiting.put(b"first", 1)
    deliver(waiting)
    assert write(sealed, waiting)

    assert files(folder) == []


def test_what_waited_before_is_kept_too(folder: Path, sealed: SealedFile) -> None:
    """A process that multiprocessing has started anew learns that it is a child when it has logged already."""
    waiting = Waiting(10**6)
    waiting.put(b"early", 1)
    waiting.begin_to_seal()
    write(sealed, waiting)

    assert kept(folder) == [b"early"]


def test_the_last_state_is_kept_until_it_is_in_another_record(folder: Path, sealed: SealedFile) -> None:
    """One that has been replaced since is not meant."""
    sealed.put_state(0, 1, b"old")
    before = sealed.states()
    sealed.put_state(1, 1, b"other")
    sealed.put_state(0, 1, b"new")
    sealed.forget_states(before)
    sealed.write()
    replaced = kept(folder)
    sealed.forget_states(sealed.states())
    sealed.write()

    assert (replaced, kept(folder)) == ([b"new", b"other"], [])


def test_the_file_does_not_grow_with_what_is_done(folder: Path, sealed: SealedFile, waiting: Waiting) -> None:
    """It is written anew with what is needed; also with a state that is replaced a thousand times."""
    waiting.put(b"stays", 1, is_error=True)
    waiting.take(10)  # out: it is being sent
    largest = 0
    for number in range(1000):
        waiting.put(b"%01000d" % number, 1)
        sealed.put_state(0, 1, b"s%0999d" % number)
        assert write(sealed, waiting)
        deliver(waiting)
        assert write(sealed, waiting)
        largest = max(largest, *(path.stat().st_size for path in files(folder)))

    assert kept(folder) == [b"stays", b"s%0999d" % 999]
    assert largest < sealed_file._DEAD_BYTES + 10_000
    assert len(files(folder)) == 1


def test_the_file_is_this_process_s_as_long_as_it_lives(folder: Path, waiting: Waiting) -> None:
    """Killed, it leaves the file to whoever looks, with what it had written."""
    read, written = os.pipe()
    pid = os.fork()
    if pid == 0:
        sealed = SealedFile(folder, "traces", 7)
        waiting.put(b"mine", 1)
        write(sealed, waiting)
        os.write(written, b".")
        signal.pause()
    os.read(read, 1)
    (path,) = files(folder)
    alive = lock(path)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    dead = lock(path)
    for file in (read, written, dead):
        assert file is not None
        os.close(file)

    assert alive is None
    assert kept(folder) == [b"mine"]


def test_a_forked_child_leaves_its_parent_s_file_alone(folder: Path, sealed: SealedFile, waiting: Waiting) -> None:
    """The lock stays the parent's, also when the child has closed what it has inherited."""
    waiting.put(b"parent's", 1)
    write(sealed, waiting)

    def child() -> bool:
        sealed.leave_to_parent()
        return lock(files(folder)[0]) is None

    assert in_child(child) is True
    waiting.put(b"more", 1)
    assert write(sealed, waiting)
    assert kept(folder) == [b"parent's", b"more"]


def test_what_is_handed_over_is_anybody_s(folder: Path, sealed: SealedFile, waiting: Waiting) -> None:
    """With the states; what is not handed over is in a file of its own, and nothing is in two."""
    for body in (b"one", b"two", b"three"):
        waiting.put(body, 1)
    sealed.put_state(0, 1, b"state")
    write(sealed, waiting)

    assert sealed.hand_over({1, 2}) is True
    given, still = files(folder)
    assert [each.body for each in what_is_left(given.read_bytes())] == [b"one", b"two", b"state"]
    assert [each.body for each in what_is_left(still.read_bytes())] == [b"three"]
    assert lock(still) is None
    file = lock(given)
    assert file is not None
    os.close(file)


@pytest.mark.parametrize("failing", [1, 2])
def test_what_can_not_be_handed_over_is_nobody_else_s(
    failing: int, folder: Path, sealed: SealedFile, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever write fails: the process goes on with all of it, and whoever found it too would send it twice."""
    for body in (b"one", b"two"):
        waiting.put(body, 1)
    write(sealed, waiting)
    really, writes = sealed_file.write_all, [0]

    def full(file: int, data: bytes) -> None:
        writes[0] += 1
        if writes[0] == failing:
            raise OSError(28, "No space left on device")
        really(file, data)

    monkeypatch.setattr(sealed_file, "write_all", full)

    assert sealed.hand_over({1}) is False
    assert (sealed.broken, files(folder)) == (True, [])


def test_it_leaves_no_file_when_everything_is_done(folder: Path, sealed: SealedFile, waiting: Waiting) -> None:
    """What still waits stays in one."""
    waiting.put(b"first", 1)
    write(sealed, waiting)
    deliver(waiting)
    write(sealed, waiting)
    sealed.close()

    assert files(folder) == []


def test_a_disk_that_refuses_is_not_asked_again(
    folder: Path, sealed: SealedFile, waiting: Waiting, caplog: pytest.LogCaptureFixture
) -> None:
    """What had been written goes with it: what can't be marked as done must not be sent by somebody else as well."""
    waiting.put(b"x" * 1000, 1)
    write(sealed, waiting)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with caplog.at_level(logging.DEBUG, "otelkit.delivery"):
            for _ in range(3):
                waiting.put(b"y" * 2000, 1)
                assert not write(sealed, waiting)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)

    assert sealed.broken
    assert files(folder) == []
    assert ["can't be kept safe" in record.getMessage() for record in caplog.records] == [True]
