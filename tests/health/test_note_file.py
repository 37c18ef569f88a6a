"""Notes for the doctor: whole lines, bounded, whoever writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelkit.health import note_file


def test_notes_come_back_in_their_order(tmp_path: Path) -> None:
    """The folder is made, for the user alone."""
    path = tmp_path / "store" / "notes.jsonl"
    for number in range(3):
        note_file.append(path, {"number": number}, most_bytes=1000, keep="newest")

    assert [note["number"] for note in note_file.read(path)] == [0, 1, 2]
    assert path.parent.stat().st_mode & 0o077 == 0
    assert path.stat().st_mode & 0o077 == 0


def test_where_nothing_was_noted_there_are_no_notes(tmp_path: Path) -> None:
    """Nor a folder."""
    assert list(note_file.read(tmp_path / "store" / "notes.jsonl")) == []
    assert list(tmp_path.iterdir()) == []


def test_a_full_file_keeps_the_oldest_or_the_newest(tmp_path: Path) -> None:
    """As asked; either way it stays bounded."""
    for number in range(200):
        for keep in ("oldest", "newest"):
            note_file.append(tmp_path / keep, {"number": number}, most_bytes=500, keep=keep)  # type: ignore[arg-type]  # str
    oldest = [note["number"] for note in note_file.read(tmp_path / "oldest")]
    newest = [note["number"] for note in note_file.read(tmp_path / "newest")]

    assert oldest == list(range(len(oldest)))
    assert newest == list(range(200 - len(newest), 200))
    assert all(path.stat().st_size <= 520 for path in tmp_path.iterdir())
    assert len(oldest) > 20
    assert len(newest) > 20


def test_damaged_lines_are_passed_over(tmp_path: Path) -> None:
    """A killed process may leave half a line; the notes around it count."""
    path = tmp_path / "notes.jsonl"
    note_file.append(path, {"number": 1}, most_bytes=1000, keep="newest")
    with path.open("ab") as file:
        file.write(b'{"number": \xff\n')
    note_file.append(path, {"number": 2}, most_bytes=1000, keep="newest")

    assert [note["number"] for note in note_file.read(path)] == [1, 2]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """For the caller to judge."""
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        note_file.append(tmp_path / "file" / "notes.jsonl", {}, most_bytes=1000, keep="newest")


def test_times_compare_as_texts() -> None:
    """An hour ago is before now."""
    assert note_file.ago(3600) < note_file.ago(60) < note_file.now()
