"""The next command to type can be typed as it is printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otelkit._cli import typed_as


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    typed_as.program.cache_clear()
    yield
    typed_as.program.cache_clear()


def installed(folder: Path) -> Path:
    """Put a program called ``otelkit`` into ``folder``."""
    folder.mkdir(parents=True)
    path = folder / "otelkit"
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_on_the_path_the_name_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `pip install otelkit` in an active environment."""
    path = installed(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(path.parent))
    monkeypatch.setattr("sys.argv", [str(path)])

    assert typed_as.program() == "otelkit"


def test_in_an_environment_that_is_not_active_it_is_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `make demo`, also when another otelkit is on the path."""
    path = installed(tmp_path / "project" / ".venv" / "bin")
    monkeypatch.setenv("PATH", str(installed(tmp_path / "other").parent))
    monkeypatch.setattr("sys.argv", [str(path)])
    monkeypatch.chdir(tmp_path / "project")

    assert typed_as.program() == ".venv/bin/otelkit"


def test_inside_another_program_it_is_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m otelkit._cli.main` and tests have no path to show."""
    monkeypatch.setattr("sys.argv", ["/usr/lib/something.py"])

    assert typed_as.program() == "otelkit"
