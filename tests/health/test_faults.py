"""What plugins did wrong is noted on disk, and never in the program's way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from otelkit._guard import Barrier
from otelkit.health.faults import FILE_NAME, FaultNotes, read_faults


def _barrier(folder: Path, name: str = "mask") -> Barrier:
    return Barrier(name, "acme-otel", FaultNotes(folder).note)


def test_a_fault_is_noted_and_read_again(tmp_path: Path) -> None:
    """By another process, later."""
    _barrier(tmp_path / "new").fault(ValueError("no"), "on_end")

    (fault,) = read_faults(tmp_path / "new")

    assert (fault.name, fault.distribution, fault.count) == ("mask", "acme-otel", 1)
    assert fault.cause == "on_end: ValueError: no"
    assert not fault.switched_off


def test_the_same_cause_is_noted_once_and_switching_off_again(tmp_path: Path) -> None:
    """A fault per span must not become a write per span."""
    barrier = _barrier(tmp_path)

    for number in range(500):
        barrier.fault(ValueError(f"item {number}"), "on_end")

    assert len((tmp_path / FILE_NAME).read_text().splitlines()) == 2
    (fault,) = read_faults(tmp_path)
    assert fault.count == Barrier.LIMIT
    assert fault.switched_off


def test_the_notes_of_one_process_are_bounded(tmp_path: Path) -> None:
    """However many parts fail in however many ways."""
    notes = FaultNotes(tmp_path)
    for number in range(200):
        Barrier(f"step-{number}", "acme-otel", notes.note).fault(ValueError("x" * 10_000), "on_end")

    assert len(read_faults(tmp_path)) == 50
    assert (tmp_path / FILE_NAME).stat().st_size < 50 * 1000


def test_the_file_is_bounded_over_all_processes(tmp_path: Path) -> None:
    """A plugin that fails at every start does not fill the disk."""
    (tmp_path / FILE_NAME).write_bytes(b"x" * 300_000)

    _barrier(tmp_path).fault(ValueError("no"), "on_end")

    assert (tmp_path / FILE_NAME).stat().st_size == 300_000


def test_a_folder_that_cannot_be_written_harms_nobody(tmp_path: Path) -> None:
    """The fault was contained; noting it must not raise another."""
    (tmp_path / "file").write_text("")

    _barrier(tmp_path / "file" / "store").fault(ValueError("no"), "on_end")

    assert read_faults(tmp_path / "file" / "store") == []


def test_damaged_and_old_notes_are_passed_over(tmp_path: Path) -> None:
    """A line that a killed process left half-written, and last month's news."""
    old = {
        "name": "old",
        "distribution": None,
        "count": 1,
        "cause": "x",
        "when": "2020-01-01T00:00:00Z",
        "switched_off": False,
    }
    (tmp_path / FILE_NAME).write_text(f'{json.dumps(old)}\n{{"name": "ha\n[]\n3\n{{}}\n')
    _barrier(tmp_path).fault(ValueError("no"), "on_end")

    assert [fault.name for fault in read_faults(tmp_path)] == ["mask"]


_MANY_FAULTS = """
import sys
from pathlib import Path
from otelkit._guard import Barrier
from otelkit.health.faults import FaultNotes

folder, number = Path(sys.argv[1]), sys.argv[2]
notes = FaultNotes(folder)
for step in range(20):
    Barrier(f"step-{number}-{step}", "acme-otel", notes.note).fault(ValueError("y" * 200), "on_end")
"""


def test_notes_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    """Each line is written at once."""
    writers = [
        subprocess.Popen([sys.executable, "-c", _MANY_FAULTS, tmp_path, str(number)], stderr=subprocess.DEVNULL)
        for number in range(4)
    ]

    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert len(read_faults(tmp_path)) == 80
