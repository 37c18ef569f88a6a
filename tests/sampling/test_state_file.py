"""The file in which samplers remember."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from otelkit.sampling.state_file import read_state, write_state


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """In a folder that is made for it, for its user's eyes only, and nothing else is left there."""
    path = tmp_path / "deep" / "state.json"

    assert write_state(path, "one", [["p", "s", 1.5]])
    assert read_state(path, "one") == [["p", "s", 1.5]]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_each_sampler_has_its_own_part(tmp_path: Path) -> None:
    """Another sampler's is neither read nor lost."""
    path = tmp_path / "state.json"
    write_state(path, "one", 1)
    write_state(path, "two", {"a": 2})
    write_state(path, "one", 3)

    assert (read_state(path, "one"), read_state(path, "two"), read_state(path, "three")) == (3, {"a": 2}, None)


def test_a_file_that_is_not_there_is_no_mistake(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The first start."""
    assert read_state(tmp_path / "state.json", "one") is None
    assert caplog.records == []


@pytest.mark.parametrize("learnt", [float("nan"), object()], ids=["NaN", "no JSON"])
def test_what_cannot_be_written_leaves_the_old_file(
    learnt: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing half-written, and one error."""
    path = tmp_path / "state.json"
    write_state(path, "one", 1)

    assert not write_state(path, "one", learnt)
    assert read_state(path, "one") == 1
    assert list(tmp_path.iterdir()) == [path]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Here a folder is in the way; nothing is raised into the program."""
    path = tmp_path / "state.json"
    path.mkdir()

    assert read_state(path, "one") is None
    assert not write_state(path, "one", 1)
    assert all(str(path) in record.getMessage() for record in caplog.records)
    assert list(tmp_path.iterdir()) == [path]


def test_a_temporary_file_that_a_killed_process_left_is_no_obstacle(tmp_path: Path) -> None:
    """It is written over."""
    path = tmp_path / "state.json"
    left = tmp_path / f"state.json.{os.getpid()}.new"
    left.write_text("half")

    assert write_state(path, "one", 1)
    assert list(tmp_path.iterdir()) == [path]
