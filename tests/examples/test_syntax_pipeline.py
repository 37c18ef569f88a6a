"""The syntax pipeline as a program: what it prints, stores and returns, and how it ends."""

from __future__ import annotations

import ast
import os
import re
import signal
import sqlite3
import subprocess
import sysconfig
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

Start = Callable[..., "subprocess.Popen[str]"]
STDLIB = Path(sysconfig.get_path("stdlib"))
LIMIT_S = 120


def independent_count(folders: Iterable[Path]) -> tuple[set[str], set[str]]:
    """Return the paths that parse and those that do not, found with nothing of the example's."""
    good, bad = set(), set()
    for folder in folders:
        for path in folder.rglob("*.py"):
            if "site-packages" in path.parts or "/." in str(path.relative_to(folder.parent)):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    ast.parse(path.read_bytes())
                except Exception:
                    bad.add(str(path))
                else:
                    good.add(str(path))
    return good, bad


def stored(database: Path) -> set[str]:
    """Return the stored paths."""
    with closing(sqlite3.connect(database)) as connection:
        return {path for (path,) in connection.execute("SELECT path FROM files")}


def result(output: str) -> tuple[int, int, int]:
    """Return files, stored and failed from the result line, which is the whole output."""
    found = re.fullmatch(r"(\d+) files: (\d+) stored, (\d+) failed; [\d.]+ s, \d+ files/min\n", output)
    assert found, output
    return int(found[1]), int(found[2]), int(found[3])


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield the process's lines on stderr as they come."""
    assert process.stderr is not None
    return iter(process.stderr.readline, "")


def test_failures_are_the_files_that_do_not_parse(start: Start, zoo: Path, tmp_path: Path) -> None:
    """What fails is exactly what `ast.parse` rejects or nobody can read; everything else is stored; the exit code is 0."""
    folders = [zoo, STDLIB / "json", STDLIB / "email"]
    good, bad = independent_count(folders)
    process = start(*folders, "--workers", "2")

    output, errors = process.communicate(timeout=LIMIT_S)

    assert (result(output), process.returncode) == ((len(good | bad), len(good), len(bad)), 0)
    assert stored(tmp_path / "syntax.db") == good
    assert {line.split()[1] for line in errors.splitlines() if line.startswith("WARNING")} == bad
    assert len(bad) == 7
    assert "Traceback" not in errors


def test_warnings_about_the_parsed_code_are_not_shown(start: Start, zoo: Path) -> None:
    """Code with doubtful escapes is neither warned about nor failed, even if warnings are errors."""
    process = start(zoo / "package", zoo, "--workers", "1", python=("-W", "error::SyntaxWarning"))

    output, errors = process.communicate(timeout=LIMIT_S)

    assert result(output)[2] == 7
    assert "warned.py" not in errors


def test_a_folder_inside_another_is_not_searched_twice(start: Start, zoo: Path) -> None:
    """Overlapping folders on the command line count each file once."""
    once, _ = start(zoo).communicate(timeout=LIMIT_S)
    twice, _ = start(zoo, zoo / "package", zoo).communicate(timeout=LIMIT_S)

    assert result(twice) == result(once)


def test_a_second_run_replaces_what_is_known(start: Start, zoo: Path, tmp_path: Path) -> None:
    """Running twice over the same files leaves each of them stored once."""
    start(zoo).communicate(timeout=LIMIT_S)
    first = stored(tmp_path / "syntax.db")
    (zoo / "empty.py").write_text("import sys\n")
    start(zoo).communicate(timeout=LIMIT_S)

    with closing(sqlite3.connect(tmp_path / "syntax.db")) as connection:
        modules = connection.execute("SELECT module FROM imports WHERE path LIKE '%/empty.py'").fetchall()

    assert (stored(tmp_path / "syntax.db"), modules) == (first, [("sys",)])


def test_limit_takes_the_first_files(start: Start, tmp_path: Path) -> None:
    """`--limit 5` handles five files of the standard library, which is what is parsed without a folder."""
    output, _ = start("--limit", "5").communicate(timeout=LIMIT_S)

    assert result(output) == (5, 5, 0)
    assert all(Path(path).is_relative_to(STDLIB.resolve()) for path in stored(tmp_path / "syntax.db"))


def test_a_name_that_is_not_utf8_is_a_name(start: Start, tmp_path: Path) -> None:
    """A file whose name is not valid UTF-8 is stored like any other."""
    folder = tmp_path / "names"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.py")).write_text("x = 1\n")

    output, _ = start(folder).communicate(timeout=LIMIT_S)

    assert result(output) == (1, 1, 0)
    assert stored(tmp_path / "syntax.db") == {f"{folder}/caf\\xe9.py"}


def test_an_empty_folder_is_no_error(start: Start, tmp_path: Path) -> None:
    """Nothing to do is done at once."""
    (tmp_path / "nothing").mkdir()
    output, _ = start(tmp_path / "nothing").communicate(timeout=LIMIT_S)

    assert result(output) == (0, 0, 0)


@pytest.mark.parametrize("arguments", [["no/such/folder"], ["--workers", "0"], ["--limit", "many"]])
def test_wrong_arguments_are_named(start: Start, arguments: list[str]) -> None:
    """A wrong argument is refused with exit code 2 and named in the message."""
    process = start(*arguments)
    _, errors = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 2
    assert arguments[-1] in errors


def test_a_database_that_cannot_be_written_ends_the_program(start: Start, tmp_path: Path) -> None:
    """With nowhere to store results the program stops with exit code 1 and says why; it does not hang."""
    (tmp_path / "syntax.db").mkdir()
    process = start(STDLIB / "json", STDLIB / "email", STDLIB / "test", "--workers", "2")

    _, errors = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 1
    assert "results cannot be stored in" in errors
    assert "Traceback" not in errors


def test_ctrl_c_keeps_what_was_done(start: Start, tmp_path: Path) -> None:
    """Ctrl-C ends the program and its workers at once, without a traceback; what it says it stored is stored."""
    process = start()
    next(lines_of(process))  # a worker has logged something: the pool is at work
    os.killpg(process.pid, signal.SIGINT)

    output, errors = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "interrupted" in errors
    handled, kept, failed = result(output)
    assert len(stored(tmp_path / "syntax.db")) == kept
    assert 0 < kept <= handled - failed < 1_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_program(start: Start, number: signal.Signals) -> None:
    """When the program alone is terminated or killed, its workers end by themselves."""
    process = start()
    next(lines_of(process))
    process.send_signal(number)

    process.communicate(timeout=LIMIT_S)  # ends when the last worker has closed its end of the pipe

    assert process.returncode == -number


def test_a_worker_that_dies_ends_the_program(start: Start, tmp_path: Path) -> None:
    """A worker killed by somebody else is reported, with exit code 1, and the results so far are kept."""
    process = start()
    next(lines_of(process))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)

    output, errors = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 1
    assert "a worker process died" in errors
    assert len(stored(tmp_path / "syntax.db")) == result(output)[1]
