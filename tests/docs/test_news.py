"""News fragments reach the changelog."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_fragment_is_of_a_kind_that_the_changelog_has() -> None:
    """Of a kind that is not declared nothing would be said, and nobody told."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
    kinds = {kind["directory"] for kind in settings["type"]}
    fragments = [path for path in (ROOT / "news").glob("*.md") if path.name != "_template.md"]

    assert fragments
    assert [path.name for path in fragments if path.suffixes[-2:][0].lstrip(".") not in kinds] == []
