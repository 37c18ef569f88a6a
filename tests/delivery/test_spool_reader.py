"""Reading the spool."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
from pathlib import Path

import pytest

from otelkit.delivery.segment import head
from otelkit.delivery.spool import Spool, read_spool, spool_state
from otelkit.ledger.ledger import Ledger

pytestmark = pytest.mark.sdk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    spool = Spool(tmp_path, 100_000, Ledger())
    for number in range(3):
        spool.write("traces", f"body-{number}".encode(), number)
    return tmp_path


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    match how:
        case "cut short":
            path.write_bytes(data[:-2])
        case "empty":
            path.write_bytes(b"")
        case "flipped":
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case "another file":
            path.write_bytes(b"PK\3\4 something else altogether, and quite long")
        case _:
            path.write_bytes(head("traces", 1, b"y" * 9)[:5] + b"\1" + data[6:])


@pytest.mark.parametrize("how", ["cut short", "empty", "flipped", "another file", "signal changed"])
def test_a_damaged_file_is_set_aside_and_the_others_are_read(folder: Path, how: str) -> None:
    """It is reported with its new name and why, and never read again."""
    victim = sorted(folder.iterdir())[1]
    damage(victim, how)
    told: list[tuple[Path, str]] = []
    bodies = [request.body for request in read_spool(folder, lambda path, why: told.append((path, why)))]

    assert bodies == [b"body-0", b"body-2"]
    ((path, why),) = told
    assert path.name == victim.name + ".damaged"
    assert path.exists()
    assert why
    assert spool_state(folder).damaged == 1
    assert len(list(read_spool(folder, lambda path, why: told.append((path, why))))) == 2
    assert len(told) == 1


def test_damage_is_logged_if_nobody_asks_for_it(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Silence would be a lie."""
    damage(sorted(folder.iterdir())[0], "cut short")
    with caplog.at_level(logging.WARNING, "otelkit.delivery"):
        list(read_spool(folder))

    assert "was set aside as" in caplog.text


def test_an_undone_request_stays_for_the_next_reader(folder: Path) -> None:
    """Released, forgotten or garbage: it is read again."""
    for request in read_spool(folder):
        request.release()
        request.release()
    requests = list(read_spool(folder))
    requests[0].done()
    del requests, request
    gc.collect()

    assert [request.body for request in read_spool(folder)] == [b"body-1", b"body-2"]


def test_a_request_in_use_is_skipped_by_other_readers(folder: Path) -> None:
    """Until it is released."""
    first = next(read_spool(folder))

    assert [request.body for request in read_spool(folder)] == [b"body-1", b"body-2"]
    first.release()
    assert len(list(read_spool(folder))) == 3


def test_a_request_that_vanished_meanwhile_is_skipped(folder: Path) -> None:
    """Another reader was faster."""
    reader = read_spool(folder)
    next(reader).done()
    sorted(folder.iterdir())[0].unlink()

    assert [request.body for request in reader] == [b"body-2"]


def test_an_unfinished_file_of_a_killed_writer_is_set_aside(folder: Path) -> None:
    """A young one may still be written and is left alone."""
    old, young = folder / ".old.tmp", folder / ".young.tmp"
    for path in (old, young):
        path.write_bytes(b"half a requ")
    os.utime(old, (time.time() - 60, time.time() - 60))
    told: list[str] = []
    list(read_spool(folder, lambda path, why: told.append(f"{path.name}: {why}")))

    assert told == ["old.tmp.damaged: its writer was stopped while it was writing"]
    assert young.exists()


def test_files_of_others_are_left_alone(folder: Path) -> None:
    """Only our names are read, and links are not followed."""
    (folder / "README").write_text("mine", encoding="utf-8")
    (folder / "0-link.otlp").symlink_to(folder / "README")

    assert len(list(read_spool(folder))) == 3
    assert (folder / "README").exists()
    assert (folder / "0-link.otlp").is_symlink()


def test_a_file_that_cannot_be_read_stays(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder with the name of a request is no reason to stop."""
    (folder / "00000-odd.otlp").mkdir()
    with caplog.at_level(logging.WARNING, "otelkit.delivery"):
        bodies = [request.body for request in read_spool(folder)]

    assert bodies == [b"body-0", b"body-1", b"body-2"]
    assert "stays where it is" in caplog.text


@pytest.mark.parametrize("name", ["1.otlp", ".1.tmp"])
def test_a_fifo_in_the_spool_is_passed_over(tmp_path: Path, name: str) -> None:
    """Opening it would wait for a writer who never comes; what lies beside it is read."""
    os.mkfifo(tmp_path / name)
    os.utime(tmp_path / name, (0, 0))
    (tmp_path / "2.otlp").mkdir()
    Spool(tmp_path, 1 << 20, Ledger()).write("traces", b"here", 1)
    bodies: list[bytes] = []
    reader = threading.Thread(
        target=lambda: bodies.extend(request.body for request in read_spool(tmp_path)), daemon=True
    )
    reader.start()
    reader.join(20)

    assert bodies == [b"here"]
    assert [path for path in tmp_path.iterdir() if path.is_fifo()]
