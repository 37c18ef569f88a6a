"""Telemetry on disk."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from otelkit.delivery.segment import OVERHEAD
from otelkit.delivery.spool import Spool, read_spool, spool_state
from otelkit.ledger.ledger import Ledger
from tests.forking import in_child

pytestmark = pytest.mark.sdk

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def read_all(folder: Path) -> list[tuple[str, bytes, int]]:
    found = []
    for request in read_spool(folder):
        found.append((request.signal, request.body, request.count))
        request.done()
    return found


def test_what_is_written_comes_back_once_and_in_order(tmp_path: Path, ledger: Ledger) -> None:
    """Oldest first, whole, with signal and count; afterwards the spool is empty."""
    folder = tmp_path / "deep" / "spool"
    spool = Spool(folder, 10_000, ledger)
    assert spool.write("traces", b"one", 5)
    assert spool.write("logs", b"two", 2)
    assert spool.write("metrics", b"", 0)

    assert spool_state(folder).requests == 3
    assert read_all(folder) == [("traces", b"one", 5), ("logs", b"two", 2), ("metrics", b"", 0)]
    assert read_all(folder) == []
    assert list(folder.iterdir()) == []
    assert (ledger.counts("traces").spooled, ledger.counts("logs").spooled) == (5, 2)


def test_nothing_is_made_before_something_is_written(tmp_path: Path, ledger: Ledger) -> None:
    """A program whose telemetry arrives leaves no folder behind."""
    Spool(tmp_path / "spool", 10_000, ledger)

    assert list(tmp_path.iterdir()) == []
    assert read_all(tmp_path / "spool") == []
    assert spool_state(tmp_path / "spool").requests == 0


def test_only_its_user_may_read_it(tmp_path: Path, ledger: Ledger) -> None:
    """Telemetry may hold user data."""
    folder = tmp_path / "spool"
    Spool(folder, 10_000, ledger).write("traces", b"x", 1)
    modes = [oct(path.stat().st_mode & 0o777) for path in (folder, *folder.iterdir())]

    assert modes == ["0o700", "0o600"]


def test_a_change_of_the_working_folder_does_not_move_it(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative folder is where it was when the program started."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    spool = Spool(Path("spool"), 10_000, ledger)
    monkeypatch.chdir(tmp_path / "elsewhere")
    spool.write("traces", b"x", 1)

    assert spool_state(tmp_path / "spool").requests == 1


def test_over_its_bound_the_newest_is_refused_and_counted(
    tmp_path: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """What is there stays; one line says so, however often it happens."""
    spool = Spool(tmp_path, 3 * (OVERHEAD + 10), ledger)
    with caplog.at_level(logging.ERROR, "otelkit.delivery"):
        written = [spool.write("traces", bytes(10), 1) for _ in range(6)]

    assert written == [True, True, True, False, False, False]
    assert spool_state(tmp_path).bytes == 3 * (OVERHEAD + 10)
    assert ledger.counts("traces").lost == {"spool_full": 3}
    assert len(caplog.records) == 1


def test_a_request_is_forced_to_the_disk_before_it_is_said_to_be_there(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file before it gets its name, and the name too; not where there is no time for that."""
    forced: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda file: forced.append(sorted(path.suffix for path in tmp_path.iterdir())))
    spool = Spool(tmp_path, 10_000, ledger)
    path = spool.keep("traces", b"1", 1)
    assert path is not None
    path.unlink()
    spool.keep("traces", b"2", 1, forced=False)

    assert forced == [[".tmp"], [".otlp"]]
    assert [body for _, body, _ in read_all(tmp_path)] == [b"2"]


def test_what_other_processes_wrote_counts_towards_the_bound(tmp_path: Path, ledger: Ledger) -> None:
    """The bound is the folder's, not the process's."""
    Spool(tmp_path, 10_000, Ledger()).write("logs", bytes(1000), 1)
    spool = Spool(tmp_path, 1500, ledger)

    assert spool.write("traces", bytes(1000), 4) is False
    assert spool.write("traces", bytes(100), 2) is True


def test_taken_in_requests_make_room(tmp_path: Path, ledger: Ledger) -> None:
    """A full spool that a receiver empties is written again, without a restart."""
    spool = Spool(tmp_path, 1200, ledger)
    assert spool.write("traces", bytes(1000), 1)
    assert not spool.write("traces", bytes(1000), 1)
    assert len(read_all(tmp_path)) == 1
    spool._looked_at = None

    assert spool.write("traces", bytes(1000), 1)


def test_a_disk_that_refuses_costs_the_request_and_nothing_else(
    tmp_path: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """Here the process may not write files beyond a size; nothing half-written is left, and later ones work again."""
    folder = tmp_path / "spool"

    def child() -> object:
        spool = Spool(folder, 10**9, ledger)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        written = [spool.write("traces", bytes(size), size) for size in (100, 20_000, 200)]
        counts = ledger.counts("traces")
        return [written, counts.spooled, counts.lost, spool_state(folder).requests, len(list(folder.iterdir()))]

    assert in_child(child) == [[True, False, True], 300, {"spool_failed": 20_000}, 2, 2]


def test_a_folder_that_cannot_be_made_costs_the_request(
    tmp_path: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """A file stands where the folder should be: counted, said once, never raised."""
    (tmp_path / "spool").write_text("in the way", encoding="utf-8")
    spool = Spool(tmp_path / "spool", 10_000, ledger)
    with caplog.at_level(logging.ERROR, "otelkit.delivery"):
        assert [spool.write("logs", b"x", 3), spool.write("logs", b"x", 3)] == [False, False]

    assert ledger.counts("logs").lost == {"spool_failed": 6}
    assert len(caplog.records) == 1


WRITER = """
import sys
from pathlib import Path
from otelkit.delivery.spool import Spool
from otelkit.ledger.ledger import Ledger
spool = Spool(Path(sys.argv[1]), 10**9, Ledger())
for number in range(int(sys.argv[3])):
    assert spool.write("traces", f"{sys.argv[2]}-{number}".encode() * 50, 1)
"""

READER = """
import sys
from pathlib import Path
from otelkit.delivery.spool import read_spool
for request in read_spool(Path(sys.argv[1])):
    print(request.body[:20].decode().split("x")[0][:20], flush=True)
    request.done()
"""


def test_processes_may_write_at_once(tmp_path: Path) -> None:
    """Four processes, one folder: every request is there once and whole."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(writer), "100"], cwd=ROOT)
        for writer in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]

    found = sorted(body for _, body, _ in read_all(tmp_path))
    assert found == sorted(f"{writer}-{number}".encode() * 50 for writer in range(4) for number in range(100))


def test_readers_at_once_share_the_requests(tmp_path: Path, ledger: Ledger) -> None:
    """Three processes read one spool: each request is taken in by exactly one of them."""
    spool = Spool(tmp_path, 10**9, ledger)
    for number in range(200):
        spool.write("traces", f"{number:020d}".encode(), 1)
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    taken = [line for reader in readers for line in reader.communicate(timeout=60)[0].split()]

    assert sorted(taken) == [f"{number:020d}" for number in range(200)]
    assert spool_state(tmp_path).requests == 0


def test_reading_while_others_write_loses_nothing(tmp_path: Path) -> None:
    """Everything that was written is read, by this pass or the next."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), "w", "300"], cwd=ROOT)
    found: list[bytes] = []
    while writer.poll() is None:
        found += [body for _, body, _ in read_all(tmp_path)]
    found += [body for _, body, _ in read_all(tmp_path)]

    assert writer.returncode == 0
    assert sorted(found) == sorted(f"w-{number}".encode() * 50 for number in range(300))


def test_a_killed_writer_leaves_only_whole_requests(tmp_path: Path) -> None:
    """kill -9 at any moment: what can be read is whole, and what was cut short is never read as a request."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), "w", "100000"], cwd=ROOT)
    while spool_state(tmp_path).requests < 20:
        assert writer.poll() is None
    writer.kill()
    writer.wait()

    damaged: list[str] = []
    bodies = []
    for request in read_spool(tmp_path, lambda path, why: damaged.append(why)):
        bodies.append(request.body)
        request.done()
    assert len(bodies) >= 20
    assert damaged == []
    assert all(body == body[: len(body) // 50] * 50 for body in bodies)


def test_threads_may_write_at_once(tmp_path: Path, ledger: Ledger) -> None:
    """Three signals' exporters share one spool."""
    spool = Spool(tmp_path, 10**9, ledger)
    threads = [
        threading.Thread(target=lambda: [spool.write("logs", b"x" * 100, 1) for _ in range(50)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (spool_state(tmp_path).requests, ledger.counts("logs").spooled) == (200, 200)


def test_a_forked_child_writes_into_the_same_spool(tmp_path: Path, ledger: Ledger) -> None:
    """Although a thread of the parent held the spool's lock at the fork."""
    spool = Spool(tmp_path, 10_000, ledger)
    spool.write("traces", b"parent", 1)
    with spool._lock:
        assert in_child(lambda: spool.write("traces", b"child", 1)) is True

    assert [body for _, body, _ in read_all(tmp_path)] == [b"parent", b"child"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_reserved_for_others_is_used(tmp_path: Path) -> None:
    """Half of the folder at most, together; the rest stays for what can't be sent."""
    spool = Spool(tmp_path / "spool", 1000, Ledger())

    assert [spool.reserve_for_others(300) for _ in range(2)] == [True, False]
