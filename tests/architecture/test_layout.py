"""Files and folders say what they hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "otelkit"
SAYS_NOTHING = {"utils", "util", "common", "helpers", "helper", "base", "misc", "_internal", "internal", "core"}

LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}

# The front door imports what is behind it when it is asked for: `otelkit --help` must be quick.
LAZY_DOOR = PACKAGE / "__init__.py"


def _sources() -> Iterator[Path]:
    return PACKAGE.rglob("*.py")


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    """If the best name is `utils`, the idea has not been found yet."""
    named = {path.relative_to(ROOT) for path in PACKAGE.rglob("*") if path.stem.lower() in SAYS_NOTHING}

    assert named == set()


@pytest.mark.parametrize("path", sorted(_sources()), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """Its first line is a sentence."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))

    assert docstring
    assert docstring.splitlines()[0].rstrip().endswith((".", ":")), docstring.splitlines()[0]


def test_packages_hold_a_docstring_imports_and_all() -> None:
    """Code lives under a name."""
    allowed = (ast.Import, ast.ImportFrom)
    for path in _sources():
        if path.name != "__init__.py" or path == LAZY_DOOR:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            is_all = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            assert is_docstring or is_all or isinstance(node, allowed), f"{path}: {ast.unparse(node)[:80]}"


def test_the_tests_mirror_the_packages() -> None:
    """A folder of tests is named after the package it tests, with the underscore left out, or says what it is for."""
    not_mirrors = {
        "architecture",
        "backends",
        "benchmarks",
        "docs",
        "drills",
        "end_to_end",
        "examples",
        "hooks",
        "typing",
        "workers",
    }
    packages = {path.parent.name.lstrip("_") for path in PACKAGE.glob("*/__init__.py")}
    tests = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert tests - packages - not_mirrors == set()


def test_we_log_under_our_own_name_only() -> None:
    """So that one line of configuration reaches all of it; the root logger is the program's."""
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Assign(targets=[ast.Name(id="_log")], value=ast.Call(args=[ast.Constant(value=str(name))])):
                    assert name.startswith("otelkit."), f"{path}:{node.lineno}"
                case ast.Assign(targets=[ast.Name(id="_log")]):
                    pytest.fail(f"{path}:{node.lineno}: the name is not constant text")
                case ast.Call(func=ast.Attribute(value=ast.Name(id="logging"), attr=level)) if level in LEVELS:
                    pytest.fail(f"{path}:{node.lineno} uses the root logger")
