"""Configurations of the Collector that users copy from the pages: what the tests run is what the pages show."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "collector.md"


def on_page(language: str) -> list[str]:
    """Return the page's blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def from_page(first_words: str) -> str:
    """Return the YAML block of the page whose first comment starts with these words."""
    (block,) = (block for block in on_page("yaml") if block.startswith(f"# {first_words}"))
    return block
