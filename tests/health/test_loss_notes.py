"""What a process lost is noted at its end, for later."""

from __future__ import annotations

import json
from pathlib import Path

from otelkit.health.loss_notes import FILE_NAME, note_losses, read_losses


def test_the_losses_of_all_processes_of_a_run_are_summed(tmp_path: Path) -> None:
    """By signal and reason; each run on its own."""
    note_losses(tmp_path, {"traces": {"buffer_full": 3}, "logs": {}}, run_id="a", run_name="nightly")
    note_losses(tmp_path, {"traces": {"buffer_full": 4, "exit_limit": 1}}, run_id="a", run_name="nightly")
    note_losses(tmp_path, {"metrics": {"exit_limit": 2}}, run_id="b", run_name="")

    assert {(row.run_id, row.run_name, row.signal, row.reason): row.count for row in read_losses(tmp_path)} == {
        ("a", "nightly", "traces", "buffer_full"): 7,
        ("a", "nightly", "traces", "exit_limit"): 1,
        ("b", "", "metrics", "exit_limit"): 2,
    }


def test_where_nothing_was_lost_nothing_is_written(tmp_path: Path) -> None:
    """Not even the folder."""
    note_losses(tmp_path / "store", {"traces": {}}, run_id="a", run_name="nightly")

    assert not (tmp_path / "store").exists()


def test_a_folder_that_cannot_be_written_harms_nobody(tmp_path: Path) -> None:
    """The program is at its end; that is not ours to fail."""
    (tmp_path / "file").write_text("")
    note_losses(tmp_path / "file", {"traces": {"exit_limit": 1}}, run_id="a", run_name="nightly")

    assert read_losses(tmp_path / "file") == []


def test_old_and_damaged_notes_are_passed_over(tmp_path: Path) -> None:
    """Last month's losses, and whatever else is in the file."""
    note = {"run": "old", "name": "x", "when": "2020-01-01T00:00:00Z", "lost": {"traces": {"exit_limit": 1}}}
    wrong = [
        note,
        3,
        [],
        {},
        note | {"when": "9999", "lost": 7},
        note | {"when": "9999", "lost": {"traces": {"x": "y"}}},
    ]
    (tmp_path / FILE_NAME).write_text("".join(json.dumps(each) + "\n" for each in wrong))
    note_losses(tmp_path, {"traces": {"exit_limit": 1}}, run_id="new", run_name="nightly")

    assert [row.run_id for row in read_losses(tmp_path)] == ["new"]
