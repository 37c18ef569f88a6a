"""Attribute and metric names are spelled in `names.py`, nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from otelkit import names

PACKAGE = Path(__file__).parents[2] / "otelkit"
CONSTANTS = {value: key for key, value in vars(names).items() if key.isupper() and isinstance(value, str)}
KNOWN = {value for value in CONSTANTS if "." in value}


def _spelled_out(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the string constants of a file that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def test_no_other_file_spells_a_name_out() -> None:
    """A renamed attribute changes in one place."""
    found = [
        f"{path.relative_to(PACKAGE)}:{line} spells {text!r}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "names.py"
        for line, text in _spelled_out(path)
        if text in KNOWN or (text.startswith("pipeline.") and not text.endswith(".py"))
    ]

    assert found == []


def test_every_name_that_is_written_is_explained() -> None:
    """Each constant is in one of the tables from which the reference is made."""
    tables = (names.ATTRIBUTES, names.RESOURCE_ATTRIBUTES, names.METRICS, names.EVENTS)
    explained = {name.key.removesuffix("*") for table in tables for name in table}
    ours = {value for value in CONSTANTS if value.startswith(("pipeline.", "otelkit."))}

    assert ours - explained == set()


def test_each_name_is_explained_once_with_a_sentence_and_metrics_have_a_unit() -> None:
    """Nothing is empty, nothing is said twice."""
    for table in (names.ATTRIBUTES, names.RESOURCE_ATTRIBUTES, names.METRICS, names.EVENTS):
        keys = [name.key for name in table]
        assert sorted(set(keys)) == sorted(keys)
        assert all(name.meaning.endswith(".") for name in table)
    assert all(metric.unit for metric in names.METRICS)
    assert all(metric.kind in ("counter", "updown", "gauge", "histogram") for metric in names.METRICS)
