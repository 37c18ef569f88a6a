"""The folder that holds telemetry."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otelkit._cli.receiver_settings import make_store_folder
from otelkit._folder import PRIVATE_FILE, append_line, make_private_folder, replace_file, write_all
from otelkit._guard import Barrier
from otelkit.delivery.spool import Spool
from otelkit.embedded.store import Store
from otelkit.health.faults import FaultNotes
from otelkit.ledger.ledger import Ledger

pytestmark = pytest.mark.sdk


@pytest.fixture(autouse=True)
def everybody_may_read() -> Iterator[None]:
    """Make the process as open-handed as most are, whatever the machine's choice."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def spool(folder: Path) -> None:
    Spool(folder / "spool", 1 << 20, Ledger()).write("traces", b"x", 1)


def store(folder: Path) -> None:
    writer = Store.open(folder / "telemetry.db", max_bytes=1 << 24, max_age_s=3600)
    assert mode(folder / "telemetry.db-wal") == 0o600
    writer.close()


def fault(folder: Path) -> None:
    FaultNotes(folder).note(Barrier("step", distribution="d"))


@pytest.mark.parametrize("make", [spool, store, fault, make_store_folder])
def test_whoever_makes_the_folder_makes_it_private(make: Callable[[Path], None], tmp_path: Path) -> None:
    """Log bodies and item ids are for the user who ran the program, and for no commit."""
    folder = tmp_path / "above" / ".otelkit"
    make(folder)

    assert mode(folder) == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    assert {mode(path) for path in folder.iterdir() if path.is_file() and path.name != ".gitignore"} <= {0o600}
    assert mode(folder.parent) == 0o755


def test_a_missing_gitignore_is_written_later(tmp_path: Path) -> None:
    """Also into a folder that an earlier version has made."""
    (tmp_path / "telemetry.db").touch()
    make_private_folder(tmp_path)

    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_a_folder_with_somebodys_files_stays_as_it_is(tmp_path: Path) -> None:
    """With store_dir at a project's own folder, git must not lose sight of the project."""
    (tmp_path / "app.py").touch()
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path)

    assert mode(tmp_path) == 0o755
    assert not (tmp_path / ".gitignore").exists()


def test_a_file_is_replaced_whole_and_for_its_user_only(tmp_path: Path) -> None:
    """Nothing else is left beside it, also where a process was killed in the midst of it."""
    path = tmp_path / "keep.request"
    (tmp_path / f"keep.request.{os.getpid()}.new").write_text("half of what somebody wrote before")
    for text in ("a longer text", "ä"):
        replace_file(path, text)

    assert (path.read_text(encoding="utf-8"), mode(path)) == ("ä", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_replaced_stands(tmp_path: Path) -> None:
    """Here what is to be written can't be encoded; what was begun is taken away."""
    path = tmp_path / "keep.request"
    replace_file(path, "old")

    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "\ud800")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_lines_are_added_until_the_file_is_full(tmp_path: Path) -> None:
    """Whole ones, the last of which may pass the limit; for the user's eyes only."""
    path = tmp_path / "notes.jsonl"
    for number in range(4):
        append_line(path, f"line {number}", most_bytes=10)
    append_line(path, "without a limit")

    assert path.read_text(encoding="utf-8").splitlines() == ["line 0", "line 1", "without a limit"]
    assert path.stat().st_mode & 0o777 == PRIVATE_FILE


def test_what_the_system_takes_in_pieces_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may take less of a write than it was given."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data[:7])))
    with (tmp_path / "file").open("wb") as file:
        write_all(file.fileno(), b"a line that is longer than that")

    assert (tmp_path / "file").read_bytes() == b"a line that is longer than that"
