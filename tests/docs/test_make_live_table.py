"""The README's picture is drawn from a run as the commands print it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

from otelkit._cli.as_json import dumped, run_object
from tests.cli.view_samples import RUN

_TOOL = Path(__file__).parents[2] / "docs" / "pictures" / "make_live_table.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """Load the tool, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("make_live_table", _TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_json_of_a_run_is_read_back_whole(tool: ModuleType) -> None:
    """What `top --json` and `runs RUN --json` print is all that a picture needs."""
    printed = json.loads(dumped(run_object(RUN)))

    assert tool.run_from_json(printed) == RUN
    assert tool.run_from_json({"runs": [printed]}) == RUN


def test_the_picture_is_svg_with_the_table(tmp_path: Path) -> None:
    """The tool writes well-formed SVG with the stages in it, the same each time, whatever the environment says."""
    (tmp_path / "run.json").write_text(dumped(run_object(RUN)))
    pictures = []
    for number, environment in enumerate(({"NO_COLOR": "1", "COLUMNS": "40"}, {"FORCE_COLOR": "1"})):
        path = tmp_path / f"{number}.svg"
        done = subprocess.run(
            [sys.executable, _TOOL, tmp_path / "run.json", path],
            env={"PYTHONPATH": str(_TOOL.parents[2]), **environment},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        pictures.append(path.read_text(encoding="utf-8"))
    text = "".join(ET.fromstring(pictures[0]).itertext()).replace("\xa0", " ")

    assert pictures[0] == pictures[1]
    assert "extract" in text
    assert "391%" in text
    assert "4,790 of 8,301" in text
