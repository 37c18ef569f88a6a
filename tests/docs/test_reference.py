"""What the reference pages say is what the code says, and every page can be reached."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate import PAGES, REFERENCE, outdated

ROOT = Path(__file__).parents[2]
PROSE = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def test_the_generated_pages_are_current() -> None:
    """`make docs` writes them; forgetting it goes red here."""
    assert outdated() == []


def test_a_page_that_differs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself can fail."""
    for name in PAGES:
        (tmp_path / name).write_text((REFERENCE / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "hooks.md").write_text("old", encoding="utf-8")
    monkeypatch.setattr("docs.generate.REFERENCE", tmp_path)

    assert outdated() == ["hooks.md"]


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """No link to a file that is not there."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_pages_mention_exist(page: Path) -> None:
    """A page that tells people to type something that is not there is worse than none."""
    from otelkit._builtin.command_list import COMMANDS

    known = {spec.name for spec in COMMANDS}
    mentioned = set(re.findall(r"(?:`|\$ |/)otelkit ([a-z]+)\b", page.read_text(encoding="utf-8")))

    assert mentioned - known - {"program"} == set()
