"""Who looks for what children leave, and when."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from otelkit._assembly.outlet import Outlet
from otelkit._builtin.setting_list import SETTINGS
from otelkit.delivery import heir as heirs
from otelkit.delivery import left_by_children
from otelkit.delivery.left_by_children import LeftByChildren
from otelkit.ledger.ledger import Ledger
from otelkit.settings import resolve
from tests.delivery.test_left_sealed import leave
from tests.forking import held_by_another_thread, in_child


@pytest.fixture
def left(tmp_path: Path) -> LeftByChildren:
    made = LeftByChildren(tmp_path)
    made.look()  # that of the beginning
    return made


def test_what_another_program_has_left_is_found_at_the_beginning(tmp_path: Path) -> None:
    """Once: it may have been killed together with its children."""
    taken: list[Path] = []
    leave(tmp_path, "traces", b"old")
    left = LeftByChildren(tmp_path)
    left.tell("traces", 7, taken.append)
    left.look()
    leave(tmp_path, "traces", b"later")
    left.look()

    assert [path.read_bytes()[-3:] for path in taken] == [b"old"]
    assert left.look_at == float("inf")


def test_what_is_left_after_the_beginning_is_not_this_programs(tmp_path: Path) -> None:
    """Multiprocessing's resource tracker may be slower to begin than the first worker is to end, and sends nothing in time."""
    left = LeftByChildren(tmp_path)
    leave(tmp_path, "metrics", b"points")
    left.look()

    assert [path.suffix for path in tmp_path.iterdir()] == [".sealed"]


def test_a_worker_leaves_what_the_one_before_it_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that started both sends it; the worker may be killed before it does."""
    starter = os.getppid()
    monkeypatch.setenv(heirs._VARIABLE, f"{starter} {heirs._started(starter)} {tmp_path / 'spool'}")
    leave(tmp_path / "spool", "metrics", b"points")
    settings = resolve(SETTINGS, env={}, code={"store_dir": str(tmp_path)}, complete=False)
    outlet = Outlet.open({}, settings, Ledger(), silent=True)
    assert outlet.left is not None
    outlet.left.look()
    outlet.left.look(at_once=True)

    assert [path.suffix for path in (tmp_path / "spool").iterdir()] == [".sealed"]


def test_a_process_learns_that_it_is_a_child_while_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is spawned has its threads by then; who looks ends that as ever."""
    looks, go = threading.Event(), threading.Event()
    raised: list[BaseException] = []
    left = LeftByChildren(tmp_path)

    def look(*_: object) -> list[None]:
        looks.set()
        assert go.wait(10)
        return []

    def run() -> None:
        try:
            left.look()
        except RuntimeError as error:
            raised.append(error)

    monkeypatch.setattr(left_by_children, "take_in", look)
    other = threading.Thread(target=run)
    other.start()
    assert looks.wait(10)
    left.is_child()
    go.set()
    other.join()

    assert raised == []
    assert (left.look_at, left._lock.locked()) == (float("inf"), False)


def test_each_gets_what_is_for_it(tmp_path: Path, left: LeftByChildren, monkeypatch: pytest.MonkeyPatch) -> None:
    """By signal and destination; what is for nobody here stays in the spool."""
    monkeypatch.setattr(left_by_children, "_EVERY_S", 0.0)
    spans: list[Path] = []
    lines: list[Path] = []
    left.tell("traces", 7, spans.append)
    left.tell("logs", 7, lines.append)
    left.expect()
    leave(tmp_path, "traces", b"span")
    leave(tmp_path, "logs", b"line", destination=8)
    left.look()

    assert [path.read_bytes()[-4:] for path in spans] == [b"span"]
    assert lines == []
    assert len(list(tmp_path.glob("*.otlp"))) == 2


def test_without_a_child_nobody_looks(tmp_path: Path, left: LeftByChildren) -> None:
    """Nor at the end: it costs nothing where there is none."""
    leave(tmp_path, "traces", b"span")
    left.look()
    left.end()

    assert [path.suffix for path in tmp_path.iterdir()] == [".sealed"]


def test_the_last_look_is_the_last(tmp_path: Path, left: LeftByChildren) -> None:
    """It waits for nobody, and what comes after it is for the next program."""
    left.expect()
    leave(tmp_path, "traces", b"span")
    left.end()
    found = [path.suffix for path in tmp_path.iterdir()]
    left.look(at_once=True)

    assert (found, left.look_at) == ([".otlp"], float("inf"))


def test_whoever_looks_is_woken_by_the_first_child(left: LeftByChildren) -> None:
    """It may have gone to sleep for a long time, since there was nothing to look for."""
    due: list[float] = []
    left.tell("traces", 7, lambda path: None, lambda: due.append(left.look_at))
    left.tell("logs", 7, lambda path: None)
    for _ in range(3):
        left.expect()

    assert len(due) == 1
    assert due[0] < float("inf")


def test_a_child_looks_for_nothing_until_it_has_children(left: LeftByChildren) -> None:
    """Its parent does that; and a thread of the parent's may be at it during the fork."""
    left.expect()
    with held_by_another_thread(left._lock):
        free = in_child(lambda: [left.look_at == float("inf"), left._lock.acquire(blocking=False)])

    assert free == [True, True]


def test_one_thread_looks_at_a_time(left: LeftByChildren, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on with what they have to do."""
    looked: list[str] = []
    go = threading.Event()

    def look(*_: object) -> list[None]:
        looked.append("")
        assert go.wait(10)
        return []

    monkeypatch.setattr(left_by_children, "take_in", look)
    monkeypatch.setattr(left_by_children, "_EVERY_S", 0.0)
    left.expect()
    other = threading.Thread(target=left.look)
    other.start()
    while not looked:
        pass
    left.look()
    go.set()
    other.join()

    assert len(looked) == 1
