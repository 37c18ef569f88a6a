"""What killed processes have left becomes requests of the spool."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from otelkit.delivery import left_sealed
from otelkit.delivery.left_sealed import take_in
from otelkit.delivery.sealed_file import SealedFile
from otelkit.delivery.sealed_record import START
from otelkit.delivery.spool import read_spool, spool_state
from otelkit.delivery.waiting import Waiting
from otelkit.model.signals import Signal
from tests.forking import in_child


def leave(folder: Path, signal: Signal, *bodies: bytes, state: bytes = b"", destination: int = 7) -> None:
    """Seal ``bodies`` in a child that ends by ``os._exit``."""

    def seal() -> None:
        waiting, sealed = Waiting(10**7), SealedFile(folder, signal, destination)
        waiting.begin_to_seal()
        for body in bodies:
            waiting.put(body, 1)
        if state:
            sealed.put_state(0, 5, state)
        sealed.note(waiting)
        assert sealed.write()

    in_child(seal)


def read_all(folder: Path) -> list[tuple[str, bytes, int]]:
    found = []
    for request in read_spool(folder):
        found.append((request.signal, request.body, request.count))
        request.done()
    return found


def test_what_a_killed_process_left_is_taken_in_once(tmp_path: Path) -> None:
    """Joined to one request of each signal, states last; nothing of it stays where it was."""
    leave(tmp_path, "traces", b"one,", b"two,")
    leave(tmp_path, "metrics", b"points,", state=b"state")
    found = take_in(tmp_path)

    assert [(signal, destination) for signal, destination, _ in found] == [("traces", 7), ("metrics", 7)]
    assert all(path.suffix == ".otlp" for _, _, path in found)
    assert take_in(tmp_path) == []
    assert read_all(tmp_path) == [("traces", b"one,two,", 2), ("metrics", b"points,state", 6)]
    assert list(tmp_path.iterdir()) == []


def test_whoever_reads_the_spool_takes_it_in(tmp_path: Path) -> None:
    """So `otelkit up` has it, should no program come again."""
    leave(tmp_path, "logs", b"line")

    assert spool_state(tmp_path).requests == 1
    assert read_all(tmp_path) == [("logs", b"line", 1)]


def test_a_living_process_keeps_what_it_has(tmp_path: Path) -> None:
    """Its file is locked."""
    waiting, sealed = Waiting(10**6), SealedFile(tmp_path, "traces", 7)
    waiting.begin_to_seal()
    waiting.put(b"mine", 1)
    sealed.note(waiting)
    sealed.write()

    assert take_in(tmp_path) == []
    assert [path.suffix for path in tmp_path.iterdir()] == [".sealed"]
    sealed.close()


def test_requests_are_no_larger_than_every_receiver_takes(tmp_path: Path) -> None:
    """Joined up to a megabyte."""
    leave(tmp_path, "traces", *(bytes([number]) * 300_000 for number in range(8)))
    found = [len(path.read_bytes()) for _, _, path in take_in(tmp_path)]

    assert len(found) == 3
    assert max(found) <= left_sealed._REQUEST_BYTES + 100


def test_what_was_only_begun_is_deleted_when_it_is_old(tmp_path: Path) -> None:
    """Its writer was killed: what it would have replaced is there, or its stage had not ended."""
    begun = tmp_path / ".1-2-3.sealing"
    begun.write_bytes(START)
    take_in(tmp_path)
    young = begun.exists()
    os.utime(begun, (time.time() - 60, time.time() - 60))
    take_in(tmp_path)

    assert (young, begun.exists()) == (True, False)


def test_what_can_not_be_taken_in_now_stays_and_is_not_there_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may be full in the middle of it."""
    leave(tmp_path, "traces", *(bytes([65 + number]) * 700_000 for number in range(3)))
    store, free = left_sealed.store, [2]

    def full(*arguments: Any, **options: Any) -> Path:
        free[0] -= 1
        if free[0] < 0:
            raise OSError(28, "No space left on device")
        return store(*arguments, **options)

    monkeypatch.setattr(left_sealed, "store", full)
    first = take_in(tmp_path), [path.suffix for path in tmp_path.iterdir()]
    free[0] = 10

    assert first == ([], [".sealed"])
    assert len(take_in(tmp_path)) == 3


def test_what_can_not_be_deleted_is_not_stored_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays sealed until it can be."""
    leave(tmp_path, "traces", b"one")
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".sealed":
            raise PermissionError(1, "Operation not permitted")
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        found = [take_in(tmp_path) for _ in range(3)]

    assert found == [[], [], []]
    assert [path.suffix for path in tmp_path.iterdir()] == [".sealed"]
    assert read_all(tmp_path) == [("traces", b"one", 1)]


@pytest.mark.parametrize("how", ["newer", "changed"])
def test_what_can_not_be_read_is_set_aside_and_told(how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As by a newer otelkit, or a disk that errs; what comes before it is taken in."""
    leave(tmp_path, "traces", b"one", b"two")
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    path.write_bytes(b"OTKJ\x7f" + data[len(START) :] if how == "newer" else data[:-1] + b"?")
    found = [each[2].read_bytes()[-3:] for each in take_in(tmp_path)]

    assert found == ([] if how == "newer" else [b"one"])
    assert len(list(tmp_path.glob("*.sealed.damaged"))) == 1
    assert ["set aside" in record.getMessage() for record in caplog.records] == [True]
    assert take_in(tmp_path) == []
    assert spool_state(tmp_path).damaged == 1


def test_what_was_cut_short_by_a_kill_is_no_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever comes before it is taken in, and the file is gone."""
    leave(tmp_path, "traces", b"one", b"two")
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    found = [each[2].read_bytes()[-3:] for each in take_in(tmp_path)]

    assert (found, caplog.records) == ([b"one"], [])
    assert list(tmp_path.glob("*.sealed*")) == []


def test_a_folder_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    """As before the first failure, or the first child."""
    assert take_in(tmp_path / "none") == []
