"""Which file settings come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otelkit.settings import read_settings_file


def test_the_own_file_comes_before_the_projects(tmp_path: Path) -> None:
    """``otelkit.toml`` wins over ``[tool.otelkit]`` in the same folder."""
    (tmp_path / "otelkit.toml").write_text("exit_limit_s = 1")
    (tmp_path / "pyproject.toml").write_text("[tool.otelkit]\nexit_limit_s = 2")

    assert read_settings_file(tmp_path).values == {"exit_limit_s": 1}


def test_settings_are_found_from_a_folder_below(tmp_path: Path) -> None:
    """A program started in a subfolder of the project has the project's settings."""
    (tmp_path / "pyproject.toml").write_text('[tool.otelkit]\nstages = ["app:run"]')
    below = tmp_path / "src" / "app"
    below.mkdir(parents=True)

    source = read_settings_file(below)

    assert source.values == {"stages": ["app:run"]}
    assert source.where == "pyproject.toml [tool.otelkit]"


def test_the_search_ends_at_the_projects_root(tmp_path: Path) -> None:
    """Settings of a folder above the project are not its own."""
    (tmp_path / "otelkit.toml").write_text("exit_limit_s = 1")
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text("[project]\nname = 'x'")

    assert read_settings_file(project).values == {}


def test_a_file_that_does_not_parse_is_one_mistake_and_no_settings(tmp_path: Path) -> None:
    """The message names the file and the line."""
    (tmp_path / "otelkit.toml").write_text("exit_limit_s = \n")

    source = read_settings_file(tmp_path)

    assert source.values == {}
    (mistake,) = source.mistakes
    assert str(tmp_path / "otelkit.toml") in mistake
    assert "line 1" in mistake


def test_a_file_that_is_not_text_is_one_mistake(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 harm nobody."""
    (tmp_path / "otelkit.toml").write_bytes(b"\xff\xfe\x00")

    assert len(read_settings_file(tmp_path).mistakes) == 1


def test_a_section_that_is_no_table_is_one_mistake(tmp_path: Path) -> None:
    """``otelkit = 3`` under ``[tool]`` is said, not ignored."""
    (tmp_path / "pyproject.toml").write_text("[tool]\notelkit = 3")

    (mistake,) = read_settings_file(tmp_path).mistakes

    assert "is not a table" in mistake


def test_a_deleted_working_folder_has_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program whose folder is gone still starts."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert read_settings_file().values == {}
    assert not os.path.exists(gone)  # noqa: PTH110 - pathlib needs a working folder here
