"""The benchmark of scrapes scrapes everything."""

from __future__ import annotations

import random

import pytest

from benchmarks import exposition
from benchmarks.exposition import HANDLES_UNCHANGED, turn


def test_all_points_are_in_each_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way serves each series once, with what was added last."""
    monkeypatch.setattr(exposition, "METRICS", 2)
    monkeypatch.setattr(exposition, "SERIES", 5)
    for name, (change, scrape) in {**exposition._handles(), **exposition._instruments()}.items():
        assert turn(change, scrape, random.Random(1))["ms"] > 0
        before = scrape()
        change(0.5)

        assert (scrape() == before) == (name == HANDLES_UNCHANGED)


def test_a_text_that_lacks_points_is_no_result() -> None:
    """Whoever serves less is fast for the wrong reason."""
    with pytest.raises(RuntimeError, match="1 points were served of 10000"):
        turn(lambda value: None, lambda: 'x{series="1"} 1', random.Random(1))
