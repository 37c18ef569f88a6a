"""`otelkit demo`, on the first files of the standard library."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

from otelkit._cli import demo_pipeline
from otelkit._cli.exits import NotFoundError
from tests.cli.running import last_json, otelkit, runs


def test_the_demo_tells_the_truth_and_ends_by_itself(tmp_path: Path) -> None:
    """As many calls of each stage as files; everything it leaves is in the store's folder."""
    ran = otelkit(tmp_path, "demo", "--limit", "60", "--json")
    said = last_json(ran.stdout)
    stages = {stage["name"]: stage for stage in said["stages"]}

    assert (ran.returncode, said["state"], said["lost"]) == (0, "ok", 0), ran.stderr.decode()
    assert {name: stage["calls"] for name, stage in stages.items()} == {
        "steps.discover": 1,
        "steps.analyse": 60,
        "steps.read": 60,
        "steps.parse": 60,
        "steps.extract": 60 - stages["steps.parse"]["failed"],
        "steps.store": 60 - stages["steps.parse"]["failed"],
    }
    assert [path.name for path in tmp_path.iterdir()] == [".otelkit"]
    assert runs(tmp_path)[0].id == said["id"]


def test_the_demo_runs_over_the_standard_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the interpreter that runs otelkit, its database beside the store."""
    monkeypatch.chdir(tmp_path)
    words = demo_pipeline.demo_words(None)

    assert words[0] == sys.executable
    assert words[2:] == ["--db", str(tmp_path / ".otelkit" / "demo.db")]
    assert Path(sysconfig.get_path("stdlib")).is_dir()


def test_without_its_pipeline_the_demo_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the wheel and in the checkout."""
    monkeypatch.setattr(demo_pipeline.otelkit, "__file__", str(tmp_path / "otelkit" / "__init__.py"))
    with pytest.raises(NotFoundError, match="_demo"):
        demo_pipeline.demo_folder()

    packaged = tmp_path / "otelkit" / "_demo"
    packaged.mkdir(parents=True)
    (packaged / "pipeline.py").touch()
    assert demo_pipeline.demo_folder() == packaged
