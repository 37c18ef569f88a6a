"""What `otelkit run` starts for the words that were typed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from otelkit._cli.find_program import CannotStartError, find_program, name_of
from tests.programs import write


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("python app.py", "app"),
        ("python3.11 -X dev -W error app.py --input x", "app"),
        ("/usr/bin/python3 src/app.py", "app"),
        ("python -u app.py -m other", "app"),
        ("python -m pkg.tool --flag", "pkg.tool"),
        ("python -mpkg.tool", "pkg.tool"),
        ("python -c pass", "python"),
        ("python -", "python"),
        ("python", "python"),
        ("python -m", "python"),
        ("pypy3 app.py", "pypy3-is-an-interpreter"),
        ("uv run python app.py", "app"),
        ("env A=1 python3 -m tool", "tool"),
        ("gunicorn app:app", "gunicorn"),
        ("./bin/job.sh", "job.sh"),
        ("./job.py", "job"),
        ("pythonic x.py", "pythonic"),
    ],
)
def test_a_run_is_called_after_its_script(typed: str, name: str) -> None:
    """After the module with -m, after the command if there is no Python in it."""
    expected = "app" if name == "pypy3-is-an-interpreter" else name

    assert name_of(typed.split()) == expected


def test_a_folder_with_a_main_is_called_by_its_own_name(tmp_path: Path) -> None:
    """`python nightly/__main__.py` is the run `nightly`."""
    assert name_of(["python", str(tmp_path / "nightly" / "__main__.py")]) == "nightly"
    assert name_of(["python", str(tmp_path / "nightly")]) == "nightly"


def test_a_command_is_looked_up_on_the_path_and_keeps_its_words(tmp_path: Path) -> None:
    """The first word stays as typed: some programs look at it."""
    tool = write(tmp_path, "bin/tool", "#!/bin/sh\n")
    tool.chmod(0o755)
    program = find_program(["tool", "-x"], {"PATH": str(tool.parent)})

    assert (program.path, program.words, program.name) == (str(tool), ("tool", "-x"), "tool")
    assert program.interpreter is None


def test_the_interpreter_is_the_one_on_the_path(tmp_path: Path) -> None:
    """`python` means what it means in the user's shell, not the Python that runs otelkit."""
    other = tmp_path / "python"
    other.symlink_to(sys.executable)
    program = find_program(["python", "app.py"], {"PATH": str(tmp_path)})

    assert (program.path, program.interpreter) == (str(other), str(other))


def test_a_python_file_is_run_by_our_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`otelkit run app.py` works without `python`."""
    write(tmp_path, "app.py", "")
    monkeypatch.chdir(tmp_path)
    program = find_program(["app.py", "--x"], {"PATH": "/nowhere"})

    assert (program.path, program.words) == (sys.executable, (sys.executable, "app.py", "--x"))
    assert (program.name, program.interpreter) == ("app", sys.executable)


def test_an_executable_python_file_is_run_as_it_is(tmp_path: Path) -> None:
    """Its first line says by what."""
    script = write(tmp_path, "app.py", "#!/usr/bin/env python3\n")
    script.chmod(0o755)

    assert find_program([str(script)], {"PATH": ""}).path == str(script)


@pytest.mark.parametrize(
    ("typed", "exit_code", "words"),
    [
        ("nosuch", 127, "no command 'nosuch'"),
        ("./nosuch", 127, "no command './nosuch'"),
        ("nosuch.py", 127, "path of the script"),
        ("./plain", 126, "chmod \\+x"),
    ],
)
def test_what_cannot_be_started_ends_as_in_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, exit_code: int, words: str
) -> None:
    """127 if there is no such command, 126 if it is not executable, each with advice."""
    write(tmp_path, "plain", "echo")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotStartError, match=words) as error:
        find_program([typed], {"PATH": "/nowhere"})

    assert error.value.exit_code == exit_code


def test_python_without_that_name_on_the_path_gets_advice(tmp_path: Path) -> None:
    """Many systems have only python3."""
    (tmp_path / "python3").symlink_to(sys.executable)
    with pytest.raises(CannotStartError, match="Try python3"):
        find_program(["python", "app.py"], {"PATH": str(tmp_path)})
