"""The benchmark of the example reads what the example prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.example_overhead import EXAMPLE, WAYS, expected_spans, result


def test_the_result_line_is_understood(tmp_path: Path) -> None:
    """Files and rate are those that the program itself prints."""
    (tmp_path / "good.py").write_text("x = 1\n")
    (tmp_path / "bad.py").write_text("x = \n")
    command = [sys.executable, str(EXAMPLE / "pipeline.py"), str(tmp_path), "--db", str(tmp_path / "syntax.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert result(done.stdout)[:2] == (2, 1)
    with pytest.raises(RuntimeError, match="printed no result"):
        result("")


def test_every_file_has_its_spans() -> None:
    """Two files, one of which does not parse: twice analyse, read and parse, once extract and store."""
    assert expected_spans(2, 1) == 8


def test_every_way_is_a_version_of_the_example() -> None:
    """Each way to run it names a folder with the program in it."""
    assert all((EXAMPLE / way.folder / "pipeline.py").exists() for way in WAYS.values())
