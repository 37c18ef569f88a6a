"""Who sends for a child."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelkit.delivery import heir as module
from otelkit.delivery.heir import Heir
from tests.forking import in_child


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    before = os.environ.pop(module._VARIABLE, None)
    yield
    os.environ.pop(module._VARIABLE, None)
    if before is not None:
        os.environ[module._VARIABLE] = before


def test_the_program_that_starts_a_child_sends_for_it(tmp_path: Path) -> None:
    """And for the child's children, since the child may be killed with them."""
    heir = Heir(tmp_path)

    assert heir.lives() is False
    assert heir.stand() is True
    assert in_child(lambda: [heir.lives(), heir.stand(), in_child(heir.lives)]) == [True, False, True]
    assert heir.lives() is False


def test_a_child_that_is_not_forked_learns_it_from_its_environment(tmp_path: Path) -> None:
    """If it looks into the same folder."""
    Heir(tmp_path).stand()
    text = (
        "import sys; from pathlib import Path; from otelkit.delivery.heir import Heir\n"
        "heirs = [Heir(Path(each)) for each in sys.argv[1:]]\n"
        "for heir in heirs: heir.is_child()\n"
        "print([heir.lives() for heir in heirs])"
    )
    run = [sys.executable, "-c", text, str(tmp_path), str(tmp_path / "other")]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout

    assert said.strip() == "[True, False]"


def test_what_a_program_starts_leaves_it_to_the_program(tmp_path: Path) -> None:
    """As multiprocessing's fork server does, which is no child by what Python says, and ends after the program."""
    Heir(tmp_path).stand()
    text = (
        "import os, sys; from pathlib import Path; from otelkit.delivery.heir import Heir\n"
        "heir = Heir(Path(sys.argv[1]))\n"
        "print(heir.stand(), heir.lives(), flush=True)\n"
        "os.fork() or print(heir.lives())"
    )
    said = subprocess.run(
        [sys.executable, "-c", text, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout

    assert said.split() == ["False", "False", "True"]


def test_a_program_knows_at_its_beginning_who_looks(tmp_path: Path) -> None:
    """Nobody else, if it is itself the one: it may have replaced itself by another program."""
    heir = Heir(tmp_path)
    before = heir.is_elsewhere()
    heir.stand()
    own = heir.is_elsewhere()
    text = (
        "import sys; from pathlib import Path; from otelkit.delivery.heir import Heir\n"
        "print([Heir(Path(each)).is_elsewhere() for each in sys.argv[1:]])"
    )
    run = [sys.executable, "-c", text, str(tmp_path), str(tmp_path / "other")]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    os.environ[module._VARIABLE] = f"{os.getppid()} 1 {tmp_path}"

    assert (before, own, said.strip()) == (False, False, "[True, False]")
    assert heir.is_elsewhere() is False


def test_a_child_without_anybody_sends_by_itself(tmp_path: Path) -> None:
    """Also one whose heir is over and not yet gone, or whose number is another process's by now."""
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitid(os.P_PID, gone, os.WEXITED | os.WNOWAIT)  # a zombie from here on
    heir = Heir(tmp_path)
    heir.is_child()
    found = {}
    for name, of in {
        "zombie": f"{gone} {module._started(gone)} {tmp_path}",
        "another": f"{os.getpid()} 1 {tmp_path}",
        "rubbish": "rubbish",
        "empty": "",
    }.items():
        heir._heir = of
        found[name] = heir.lives()
    os.waitpid(gone, 0)

    assert found == dict.fromkeys(found, False)


def test_a_child_whose_heir_is_gone_stands_for_its_own_children(tmp_path: Path) -> None:
    """Nobody else is there."""
    heir = Heir(tmp_path)
    heir._heir = f"{os.getpid()} 1 {tmp_path}"

    assert in_child(lambda: [heir.stand(), in_child(heir.lives)]) == [True, True]
