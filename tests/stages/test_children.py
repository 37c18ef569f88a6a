"""What a stage knows about the process it runs in."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from otelkit.stages import children
from tests.forking import in_child


class Adapting:
    """Counts how often it was told that this process is a child."""

    def __init__(self, error: Exception | None = None) -> None:
        self.told = 0
        self._error = error

    def adapt(self) -> None:
        self.told += 1
        if self._error is not None:
            raise self._error


@pytest.fixture
def started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is nobody's child, and forgets after the test that it may have become one."""
    fresh = {"_is_child": False, "_ends_orderly": False, "_to_tell": [], "_to_tell_before": [], "_to_tell_of_start": []}
    for name, value in fresh.items():
        monkeypatch.setattr(children, name, value)


def test_a_process_that_turns_out_to_be_a_child_tells_it_once(started_anew: None) -> None:
    """As one does that multiprocessing has started anew: nothing was forked that could have been noticed."""
    adapting = Adapting()
    children.in_child(adapting.adapt)
    before = children.must_seal()
    children.is_one()
    children.is_one()

    assert (before, children.must_seal(), adapting.told) == (False, True, 1)


def test_a_forked_child_is_told_by_the_fork(started_anew: None) -> None:
    """What multiprocessing says of it later is no news."""
    adapting = Adapting()
    children.in_child(adapting.adapt)

    def look() -> Any:
        children.is_one()
        return adapting.told, children.must_seal(), children.generation

    assert in_child(look) == [1, True, children.generation + 1]
    assert (adapting.told, children.must_seal()) == (0, False)


def test_one_that_fails_to_adapt_keeps_no_other_from_it(started_anew: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor the child from starting."""
    monkeypatch.setattr("otelkit._guard.reraise_in_tests", False)
    failing, adapting = Adapting(OSError("no")), Adapting()
    for each in (failing, adapting):
        children.in_child(each.adapt)
    children.is_one()

    assert (failing.told, adapting.told) == (1, 1)


def test_whoever_asks_is_told_of_each_child_that_is_started(started_anew: None) -> None:
    """Of forked ones by Python; of others by whoever starts them. Afterwards not in the child, and not of programs."""
    before, after = Adapting(), Adapting()
    children.before_one_starts(before.adapt)
    children.when_one_starts(after.adapt)
    told = in_child(lambda: [before.told, after.told])
    subprocess.run([sys.executable, "-c", ""], check=True)
    forked = [before.told, after.told]
    children.one_is_to_start()
    children.one_starts()

    assert (told, forked, [before.told, after.told]) == ([1, 0], [1, 1], [2, 2])


def test_nobody_is_kept_alive_to_be_told(started_anew: None) -> None:
    """An installation that is gone is forgotten, and its place is used again."""
    for _ in range(3):
        children.in_child(Adapting().adapt)
    kept = Adapting()
    children.in_child(kept.adapt)
    children.is_one()

    assert kept.told == 1
    assert len(children._to_tell) <= 2


def test_a_worker_that_ends_well_need_not_send_at_every_end(started_anew: None) -> None:
    """Its finalizers do that, once."""
    children.is_one()
    children.ends_orderly()

    assert not children.must_seal()
