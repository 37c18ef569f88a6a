"""The benchmark of one stage call measures what it says."""

from __future__ import annotations

import pytest
from opentelemetry import context

from benchmarks.contestants import Contestant, not_sampled, stock, work
from benchmarks.stage_call import turn


def test_the_stock_contestants_do_what_they_are_named() -> None:
    """A span leaves for each sampled call and none for a call below an unsampled parent; all return what `work` returns."""
    contestants = stock()
    for contestant in contestants.values():
        figures = turn(contestant, 50)
        assert figures["wall_us"] > 0
        assert contestant.call("abc") == 3

    assert [contestant.makes_spans for contestant in contestants.values()] == [False, True, True]


def test_losing_spans_is_no_result() -> None:
    """A contestant that drops spans is not measured but reported."""
    with pytest.raises(RuntimeError, match="50 calls made 0 spans"):
        turn(Contestant(work, makes_spans=True), 50)


def test_the_unsampled_parent_is_in_force_only_within() -> None:
    """Afterwards the context is as it was."""
    before = context.get_current()
    with not_sampled():
        inside = context.get_current()

    assert context.get_current() == before != inside
