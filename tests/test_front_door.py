"""`import otelkit` gives everything it promises, and costs next to nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import otelkit
from otelkit._version import __version__
from tests.distributions import clean_environment


def test_everything_promised_is_there() -> None:
    """Each name of `__all__` can be had, and `dir` lists it."""
    for name in otelkit.__all__:
        assert getattr(otelkit, name) is not None
        assert name in dir(otelkit)
    assert otelkit.__version__ == __version__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="no attribute 'stages_of_grief'"):
        _ = otelkit.stages_of_grief  # type: ignore[attr-defined]  # that is the claim


def test_what_type_checkers_see_is_what_is_imported() -> None:
    """The imports under TYPE_CHECKING and the lazy ones name the same objects."""
    tree = ast.parse(Path(otelkit.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen: dict[str, object] = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        assert node.module
        for alias in node.names:
            module = __import__(node.module, fromlist=[alias.name])
            seen[alias.name] = getattr(module, alias.name)

    assert {name: getattr(otelkit, name) for name in otelkit.__all__ if name != "__version__"} == seen


def test_importing_it_loads_nothing_else() -> None:
    """A program that does not use otelkit in this run does not wait for OpenTelemetry."""
    code = "import sys; before = set(sys.modules); import otelkit; print(sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=Path(otelkit.__file__).parents[1],
        env=clean_environment(),
        capture_output=True,
        text=True,
    )

    assert "opentelemetry" not in done.stdout
    assert "pluggy" not in done.stdout
    assert [name for name in ast.literal_eval(done.stdout) if name.startswith("otelkit")] == [
        "otelkit",
        "otelkit._version",
    ]
