"""Room on the disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from otelkit.health.disk import LITTLE_BYTES, SOME_BYTES, find_no_room
from otelkit.model.checks import Severity


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (SOME_BYTES, []),
        (SOME_BYTES - 1, [("disk.low", Severity.WARNING)]),
        (LITTLE_BYTES - 1, [("disk.low", Severity.ERROR)]),
    ],
)
def test_a_nearly_full_disk_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, expected: list[tuple[str, Severity]]
) -> None:
    """Also for a folder that does not exist yet: then the one above it counts."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))

    findings = find_no_room(tmp_path / "not" / "yet")

    assert expected == [(finding.id, finding.severity) for finding in findings]


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path: Path) -> None:
    """Nothing can be stored in it."""
    (tmp_path / "file").write_text("")

    (finding,) = find_no_room(tmp_path / "file" / "store")

    assert finding.id == "disk.not_writable"


def test_a_folder_that_cannot_be_written_is_an_error() -> None:
    """Nothing can be stored in it either. The superuser may write anywhere, so that a child gives that up first."""
    # Not below pytest's folder, which others may not enter.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            os.write(writing, ",".join(finding.id for finding in find_no_room(folder / "store")).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    folder.rmdir()
    with os.fdopen(reading) as answer:
        assert answer.read() == "disk.not_writable"
