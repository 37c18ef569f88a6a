"""Every finding is explained on the doctor's page, and the page explains nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "find-out-what-is-wrong.md"
SOURCES = (*(ROOT / "otelkit" / "health").glob("*.py"), *(ROOT / "otelkit").glob("_*/*.py"))
MAKERS = {"Finding", "_off"}


def _identifiers(source: Path) -> set[str]:
    """Return the first arguments of the calls that make findings."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS and node.args:
            match node.args[0]:
                case ast.Constant(value=str(name)):
                    found.add(name)
                case ast.JoinedStr(values=[ast.Constant(value="rival."), _]):
                    found |= {"rival.distro", "rival.configurator"}
    return found


def test_the_page_and_the_code_have_the_same_findings() -> None:
    """A new finding comes with its explanation."""
    made = set().union(*(_identifiers(source) for source in SOURCES))
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    explained = [name for row in rows for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", row.split("|")[1])]

    assert sorted(set(explained)) == sorted(explained)
    assert made == set(explained)
