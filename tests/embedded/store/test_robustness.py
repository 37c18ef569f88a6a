"""Bad files, bad disks and sudden deaths: a clear error each, and nothing lost silently."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otelkit.embedded.store import open_reader
from otelkit.errors import (
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreMissingError,
    StoreVersionError,
)
from tests.embedded.telemetry import SpanOf, durations, open_store, spans, stage
from tests.forking import in_child

NOBODY = 65_534


def make_store(path: Path, count: int = 50) -> None:
    store = open_store(path)
    store.write([spans(*(stage("parse") for _ in range(count)))])
    store.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that other users can reach."""
    folder = Path(tempfile.mkdtemp(prefix="otelkit-test-"))
    folder.chmod(0o755)
    yield folder
    for part in (folder, *folder.rglob("*")):
        if part.is_dir():
            part.chmod(0o755)
    shutil.rmtree(folder)


def as_nobody() -> None:
    """Give up root's rights, which know no read-only files."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


@pytest.mark.parametrize("opener", [open_store, open_reader], ids=["writer", "reader"])
@pytest.mark.parametrize(
    "content",
    [b"this is no database, " * 200, bytes(8192), b"SQLite format 3\x00" + os.urandom(4080)],
    ids=["text", "zeros", "garbage"],
)
def test_a_file_that_is_no_database_is_refused_and_not_touched(opener: object, content: bytes, tmp_path: Path) -> None:
    """A damaged file gives an error that says what to do; the file stays as it was, for whoever wants to save it."""
    path = tmp_path / "telemetry.db"
    path.write_bytes(content)
    with pytest.raises(StoreCorruptError) as caught:
        opener(path)  # type: ignore[operator]  # one of two functions that take a path

    assert caught.value.path == path
    assert "Move it away" in str(caught.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize("opener", [open_store, open_reader], ids=["writer", "reader"])
def test_a_database_of_another_program_is_refused_and_not_touched(opener: object, tmp_path: Path) -> None:
    """Pointing the setting at somebody else's database does it no harm."""
    path = tmp_path / "telemetry.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    content = path.read_bytes()
    with pytest.raises(StoreCorruptError, match="another program"):
        opener(path)  # type: ignore[operator]  # one of two functions that take a path

    assert path.read_bytes() == content


@pytest.mark.parametrize("opener", [open_store, open_reader], ids=["writer", "reader"])
def test_a_store_of_a_newer_otelkit_is_refused_and_not_touched(opener: object, tmp_path: Path) -> None:
    """An older otelkit does not spoil what a newer one wrote."""
    path = tmp_path / "telemetry.db"
    make_store(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    content = path.read_bytes()
    with pytest.raises(StoreVersionError, match="schema version 99"):
        opener(path)  # type: ignore[operator]  # one of two functions that take a path

    assert path.read_bytes() == content


def as_version_1(path: Path) -> None:
    """Give a store the tables of the first version."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP TABLE stage_series; DROP TABLE heartbeat; ALTER TABLE run DROP COLUMN told_end_ns; "
            "ALTER TABLE rollup DROP COLUMN seen; PRAGMA user_version = 1"
        )


def stage_calls(path: Path) -> list[int]:
    """Return the calls of each stage of the newest run, as a reader shows them."""
    reader = open_reader(path)
    run = reader.run(reader.runs()[0].id)
    reader.close()
    assert run is not None
    return [row.calls for row in run.stages]


def test_a_store_of_an_older_otelkit_is_read_as_it_is_and_written_on(tmp_path: Path) -> None:
    """After an update everything that was recorded before is there, whether somebody writes first or reads."""
    path = tmp_path / "store.sqlite"
    store = open_store(path)
    store.write([spans(*(stage("parse") for _ in range(5)))])
    store.close()
    as_version_1(path)
    before = path.read_bytes()
    read = stage_calls(path)
    after = path.read_bytes()
    store = open_store(path)
    store.write([durations("parse", [0.1] * 6)])
    store.close()

    assert read == [5]
    assert after == before
    assert stage_calls(path) == [6]


def test_damage_inside_a_store_is_reported_when_it_is_met(tmp_path: Path) -> None:
    """A page overwritten in the middle of the file is an error that names the file, not wrong data."""
    path = tmp_path / "telemetry.db"
    make_store(path, 5_000)
    content = bytearray(path.read_bytes())
    content[8192 : len(content) // 8192 * 4096] = os.urandom(len(content) // 8192 * 4096 - 8192)
    path.write_bytes(content)

    def use() -> None:
        reader = open_reader(path)
        try:
            reader.run("run-1")
            list(reader.export())
        finally:
            reader.close()

    with pytest.raises(StoreCorruptError, match="is damaged"):
        use()


def test_a_store_that_does_not_exist_is_told_from_one_that_is_broken(tmp_path: Path) -> None:
    """Before the first run `otelkit runs` says what to do, and makes no file."""
    path = tmp_path / "telemetry.db"
    with pytest.raises(StoreMissingError, match="otelkit run"):
        open_reader(path)
    path.touch()
    with pytest.raises(StoreMissingError, match="empty"):
        open_reader(path)

    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("left_open", [False, True], ids=["closed", "beside its writer"])
def test_a_store_can_be_read_by_a_user_who_may_not_write_it(left_open: bool, open_folder: Path) -> None:
    """A store in a read-only folder can be looked at."""
    path = open_folder / "telemetry.db"
    store = open_store(path)
    store.write([spans(*(stage("parse") for _ in range(50)))])
    if not left_open:
        store.close()
    for file in open_folder.iterdir():
        file.chmod(0o444)
    open_folder.chmod(0o555)

    def look() -> int:
        as_nobody()
        reader = open_reader(path)
        run = reader.run("run-1")
        reader.close()
        assert run is not None
        return run.spans

    seen = in_child(look)
    store.close()

    assert seen == 50


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_store_that_can_not_be_written_says_so_when_it_is_opened(what: str, open_folder: Path) -> None:
    """A read-only file or folder is found out at the start, not at the first span."""
    path = open_folder / "telemetry.db"
    make_store(path)
    for file in open_folder.iterdir():
        file.chmod(0o444 if what == "file" else 0o666)
    open_folder.chmod(0o777 if what == "file" else 0o555)
    if what == "folder":
        path.with_name("telemetry.db.lock").unlink()

    def refused() -> str:
        as_nobody()
        with pytest.raises(StoreError) as caught:
            open_store(path)
        return str(caught.value)

    message = in_child(refused)

    assert "store_dir" in message
    assert str(path) in message


def _limited_writer(path: Path, kilobytes: int) -> list[int]:
    """Write until the file may not grow further; return the spans acknowledged and those stored."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = open_store(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, resource.RLIM_INFINITY))
    acknowledged = 0
    errors = 0
    for _ in range(60):
        try:
            store.write([spans(*(stage("parse", attributes={"pad": os.urandom(300)}) for _ in range(100)))])
            acknowledged += 100
        except StoreFullError:
            errors += 1
    reader = open_reader(path)
    run = reader.run("run-1")
    assert run is not None
    calls = run.stages[0].calls
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.write([spans(stage("parse"))])
    after = reader.run("run-1")
    assert after is not None
    reader.close()
    store.close()
    return [acknowledged, errors, run.spans, calls, after.spans]


def test_a_full_disk_refuses_whole_writes_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """When the disk is full each write fails as a whole with a clear error; when there is room again, writing goes on."""
    acknowledged, errors, stored, calls, after = in_child(lambda: _limited_writer(tmp_path / "telemetry.db", 600))

    assert errors > 0
    assert acknowledged > 0
    assert (stored, calls, after) == (acknowledged, acknowledged, acknowledged + 1)


@pytest.mark.skipif(os.geteuid() != 0 or not sys.platform.startswith("linux"), reason="mounts a small file system")
def test_a_really_full_file_system_refuses_whole_writes(tmp_path: Path) -> None:
    """The same on a file system of 2 MB that is really full."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this root may not mount")
    try:
        store = open_store(folder / "telemetry.db")
        acknowledged = 0
        message = ""
        while not message:
            try:
                store.write([spans(*(stage("parse", attributes={"pad": os.urandom(300)}) for _ in range(100)))])
                acknowledged += 100
            except StoreFullError as error:
                message = str(error)
        reader = open_reader(folder / "telemetry.db")
        run = reader.run("run-1")
        reader.close()
        store.close()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)

    assert "no room left" in message
    assert run is not None
    assert run.spans == acknowledged > 0


_ENDLESS_WRITER = """
import sys
from pathlib import Path
from otelkit._clock import SYSTEM_CLOCK
from tests.embedded.telemetry import log, number, open_store, spans, stage
store = open_store(Path(sys.argv[1]), SYSTEM_CLOCK, max_bytes=int(sys.argv[2]))
written = 0
while True:
    store.write([spans(*(stage("parse", item=f"{written} {n}") for n in range(20))), log(at_s=written), number("m", written)])
    if written % 7 == 0:
        store.maintain()
    written += 1
    print(written, flush=True)
"""


@pytest.mark.parametrize("kill_at", [1, 7, 40])
@pytest.mark.parametrize("max_bytes", [1 << 30, 400_000], ids=["growing", "deleting"])
def test_a_writer_killed_at_any_moment_leaves_what_it_acknowledged(
    kill_at: int, max_bytes: int, tmp_path: Path
) -> None:
    """After `kill -9` of the receiver the store opens again, whole, with everything that was acknowledged."""
    path = tmp_path / "telemetry.db"
    process = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS_WRITER, str(path), str(max_bytes)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = 0
    while acknowledged < kill_at:
        acknowledged = int(process.stdout.readline())
    process.kill()
    # What it still said before it died is acknowledged as well.
    acknowledged = max([acknowledged, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
    process.stdout.close()
    process.wait()
    store = open_store(path)
    verdict = store._connection.execute("PRAGMA integrity_check").fetchone()[0]
    orphans = store._connection.execute(
        "SELECT count(*) FROM span WHERE trace NOT IN (SELECT no FROM trace) OR shape NOT IN (SELECT id FROM shape)"
    ).fetchone()[0]
    store.write([spans(SpanOf())])
    reader = open_reader(path)
    run = reader.run("run-1")
    exported = sum(
        len(scope["spans"])
        for piece in reader.export()
        for resource in piece.get("resourceSpans", ())
        for scope in resource["scopeSpans"]
    )
    reader.close()
    store.close()

    assert (verdict, orphans) == ("ok", 0)
    assert run is not None
    assert run.spans == exported
    if max_bytes == 1 << 30:
        # One more write may have been under way: it is there whole or not at all.
        assert run.spans - 1 in (20 * acknowledged, 20 * acknowledged + 20)
    assert run.stages[0].calls in (20 * acknowledged, 20 * acknowledged + 20)
