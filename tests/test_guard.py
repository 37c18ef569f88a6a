"""The barrier that keeps our failures and plugins' failures away from the host."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from otelkit import _guard
from otelkit._guard import Barrier, in_forked_child
from tests.forking import held_by_another_thread, in_child

pytestmark = pytest.mark.sdk

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _contained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard, "reraise_in_tests", False)


def test_a_fault_is_counted_each_time_and_logged_once_per_cause(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand equal faults make one line, which names the part, its distribution and the cause."""
    barrier = Barrier("step x", "otelkit-x")
    with caplog.at_level(logging.WARNING, "otelkit.guard"):
        for _ in range(5):
            barrier.fault(ValueError("bad"), "on_end")

    assert barrier.faults == 5
    assert barrier.last_cause == "on_end: ValueError: bad"
    assert len(caplog.records) == 1
    assert "step x (distribution otelkit-x) failed in on_end: ValueError: bad" in caplog.text


def test_ten_faults_in_a_row_switch_the_part_off(caplog: pytest.LogCaptureFixture) -> None:
    """Nine don't; and it is said."""
    barrier = Barrier("step x", "otelkit-x")
    for _ in range(9):
        barrier.fault(ValueError("bad"), "on_end")
    before = barrier.off
    with caplog.at_level(logging.WARNING, "otelkit.guard"):
        barrier.fault(ValueError("bad"), "on_end")

    assert (before, barrier.off) == (False, True)
    assert "switched off after 10 faults in a row" in caplog.text


def test_a_success_ends_the_row() -> None:
    """Faults now and then never switch a part off."""
    barrier = Barrier("step x", "otelkit-x")
    for _ in range(50):
        barrier.fault(ValueError("bad"), "on_end")
        barrier.success("on_end")
        barrier.fault(ValueError("bad"), "on_end")
        barrier.success()

    assert (barrier.faults, barrier.off) == (100, False)


def test_doing_one_thing_well_does_not_excuse_failing_in_another() -> None:
    """A step whose on_start always raises is switched off, although its on_end is fine."""
    barrier = Barrier("step x", "otelkit-x")
    for _ in range(10):
        barrier.fault(ValueError("bad"), "on_start")
        barrier.success("on_end")

    assert barrier.off


def test_faults_in_doing_different_things_add_up() -> None:
    """Five here and five there are ten in a row."""
    barrier = Barrier("step x", "otelkit-x")
    for _ in range(5):
        barrier.fault(ValueError("bad"), "tick")
        barrier.fault(ValueError("bad"), "on_end")

    assert barrier.off


def test_a_bug_of_our_own_fails_our_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contained or not, our own faults are seen by our tests; a plugin's are not raised."""
    monkeypatch.setattr(_guard, "reraise_in_tests", True)
    with pytest.raises(ValueError, match="ours"):
        Barrier("ours").fault(ValueError("ours"), "somewhere")
    stranger = Barrier("theirs", "otelkit-x")
    stranger.fault(ValueError("theirs"), "somewhere")

    assert stranger.faults == 1


def test_an_exception_that_cannot_be_printed_is_contained_too() -> None:
    """A stranger's exception may fail even at saying what it is."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    barrier = Barrier("step x", "otelkit-x")
    barrier.fault(Mute(), "on_end")

    assert barrier.last_cause == "on_end: Mute: (it can't be printed)"


def test_every_fault_is_told_to_the_barriers_listener_and_to_the_common_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what happened can be noted for later."""
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(_guard, "on_any_fault", lambda barrier: told.append(("common", barrier.name)))

    Barrier("step x", "otelkit-x", lambda barrier: told.append(("own", barrier.name))).fault(ValueError(), "on_end")

    assert told == [("own", "step x"), ("common", "step x")]


def test_objects_hear_of_a_fork_only_while_they_live() -> None:
    """Registering with the interpreter keeps nothing alive."""
    called: list[str] = []

    class Holder:
        def __init__(self, name: str) -> None:
            self.name = name
            in_forked_child(self.after_fork)

        def after_fork(self) -> None:
            called.append(self.name)

    kept = Holder("kept")
    Holder("gone")

    assert in_child(lambda: called) == ["kept"]
    assert called == []
    del kept


def test_one_object_that_fails_after_a_fork_does_not_cost_the_others() -> None:
    """Each makes its locks anew."""
    called: list[str] = []

    class Holder:
        def __init__(self, name: str) -> None:
            self.name = name
            in_forked_child(self.after_fork)

        def after_fork(self) -> None:
            if self.name == "broken":
                raise RuntimeError("broken")
            called.append(self.name)

    holders = [Holder("first"), Holder("broken"), Holder("last")]

    assert in_child(lambda: called) == ["first", "last"]
    del holders


def test_objects_that_are_gone_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may make and drop any number of them."""
    # A list of its own: other tests of this process have left objects that are alive.
    monkeypatch.setattr(_guard, "_after_fork", [])
    monkeypatch.setattr(_guard, "_tidy_at", 256)

    class Holder:
        def after_fork(self) -> None: ...

    for _ in range(5000):
        in_forked_child(Holder().after_fork)

    assert len(_guard._after_fork) < 1000


def test_the_interpreters_end_is_quiet() -> None:
    """Objects that live until then leave no complaint on stderr."""
    program = """
from otelkit._guard import in_forked_child
class Holder:
    def __init__(self):
        self.me = self
        in_forked_child(self.after_fork)
    def after_fork(self): ...
holders = [Holder() for _ in range(50)]
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_barriers_lock_is_free_in_a_forked_child() -> None:
    """Whoever owns the barrier need not think of it."""
    barrier = Barrier("step x", "otelkit-x")

    def child() -> int:
        barrier.fault(ValueError("no"), "on_end")
        return barrier.faults

    with held_by_another_thread(barrier._lock):
        assert in_child(child, timeout_s=10) == 1


def test_barriers_that_live_until_the_interpreters_end_say_nothing_there() -> None:
    """Neither those that plain variables keep, nor those in cycles."""
    program = """
import otelkit
from otelkit._guard import Barrier
from otelkit.stages.patching import Patcher
from otelkit.stages.progress import Progress
kept = [Barrier(str(number)) for number in range(50)]
kept.append(kept)
progress, patcher = Progress("p", None), Patcher([])
with otelkit.run("nightly") as run:
    run.advance()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
