"""The plain version has no telemetry in it, and the decorated one is the plain one plus otelkit."""

from __future__ import annotations

import difflib
import inspect
import itertools
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

PLAIN = Path(__file__).parents[2] / "examples" / "syntax_pipeline"
DECORATED = PLAIN / "decorated"
MODULES = sorted(path.name for path in PLAIN.glob("*.py"))


def targets() -> list[str]:
    """Return the stage targets of the plain version."""
    settings = tomllib.loads((PLAIN / "pyproject.toml").read_text())["tool"]["otelkit"]
    assert list(settings) == ["stages"]
    return list(settings["stages"])


def test_the_plain_version_knows_nothing_of_telemetry() -> None:
    """No line of the plain program names otelkit or OpenTelemetry; its settings name stages and nothing else."""
    text = "".join((PLAIN / name).read_text().lower() for name in MODULES)

    assert "otel" not in text
    assert "telemetry" not in text
    assert len(targets()) == 6


@pytest.mark.parametrize("program", [PLAIN], ids=["plain"], indirect=True)
def test_every_target_is_a_function_of_the_program(load: Callable[[str], ModuleType]) -> None:
    """Each listed stage exists, and every public function of `steps` is listed."""
    steps = load("steps")
    functions = [
        f"steps:{name}"
        for name, value in vars(steps).items()
        if inspect.isfunction(value) and value.__module__ == "steps" and not name.startswith("_")
    ]

    assert targets() == functions


@pytest.mark.parametrize("name", MODULES)
def test_the_decorated_version_only_adds(name: str) -> None:
    """Line by line, the decorated program is the plain one: nothing but a few lines about otelkit differs."""
    plain = (PLAIN / name).read_text().splitlines()
    decorated = (DECORATED / name).read_text().splitlines()
    changes = [line for line in difflib.ndiff(plain, decorated) if line[:2] in ("+ ", "- ")]

    assert sum(line[0] == "-" for line in changes) <= 2
    assert len(changes) <= 10
    assert not changes or any("otelkit" in line for line in changes)


def test_every_stage_is_decorated() -> None:
    """The decorated version makes stages of the same functions that the plain one lists."""
    lines = (DECORATED / "steps.py").read_text().splitlines()
    decorated = [
        f"steps:{after.split('(')[0].removeprefix('def ')}"
        for line, after in itertools.pairwise(lines)
        if line.startswith("@otelkit.stage")
    ]

    assert decorated == targets()
