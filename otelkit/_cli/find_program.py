"""What to start for the words after ``otelkit run``, by the rules of a shell."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otelkit.errors import OtelkitError

NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126

_INTERPRETER: Final = re.compile(r"(python|pypy)[0-9.]*(\.exe)?")
_OPTIONS_WITH_VALUE: Final = frozenset({"-W", "-X", "--check-hash-based-pycs"})


class CannotStartError(OtelkitError):
    """The program can't be started. ``exit_code`` is what a shell would end with: 127 not found, 126 not executable."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Program:
    """A program to start."""

    path: str
    """The file to execute."""
    words: tuple[str, ...]
    """Its arguments, as typed, from its own name on."""
    name: str
    """What to call it: the script's or module's name."""
    interpreter: str | None
    """``path``, if it is a Python interpreter."""


def find_program(words: Sequence[str], env: Mapping[str, str]) -> Program:
    """Return what to start.

    A Python file that is no command itself (``otelkit run app.py``) is run by the interpreter that runs otelkit.

    Raises:
        CannotStartError: There is no such command, or it can't be executed.
    """
    typed = words[0]
    path = _resolve(typed, env)
    if path is None:
        if typed.endswith(".py") and Path(typed).is_file():
            words = (sys.executable, *words)
            path = sys.executable
        elif os.sep in typed and Path(typed).exists():
            raise CannotStartError(
                f"{typed} is not executable. Make it so with `chmod +x {typed}`, or name the program that runs it.",
                exit_code=NOT_EXECUTABLE,
            )
        else:
            raise CannotStartError(
                f"There is no command {typed!r} on the PATH. {_advice(typed, env)}", exit_code=NOT_FOUND
            )
    interpreter = path if _INTERPRETER.fullmatch(Path(words[0]).name) else None
    return Program(path, tuple(words), name_of(words), interpreter)


def name_of(words: Sequence[str]) -> str:
    """Return a name for what the words start: the script or module of a Python interpreter, else the command.

    The interpreter may come later, as in ``uv run python app.py``.
    """
    for number, word in enumerate(words):
        if _INTERPRETER.fullmatch(Path(word).name):
            return _script_of(words[number + 1 :]) or Path(word).name
    return Path(words[0]).stem if words[0].endswith(".py") else Path(words[0]).name


def _script_of(arguments: Sequence[str]) -> str | None:
    """Return the script's or module's name from an interpreter's arguments; None if it runs neither."""
    skip = False
    for number, argument in enumerate(arguments):
        if skip:
            skip = False
        elif argument == "-m":
            return arguments[number + 1] if number + 1 < len(arguments) else None
        elif argument.startswith("-m"):
            return argument[2:]
        elif argument == "-" or argument.startswith("-c"):
            return None
        elif argument in _OPTIONS_WITH_VALUE:
            skip = True
        elif not argument.startswith("-"):
            path = Path(argument)
            # `python app/__main__.py` and `python app` mean the folder's name.
            return path.resolve().parent.name if path.name == "__main__.py" else path.stem
    return None


def _resolve(typed: str, env: Mapping[str, str]) -> str | None:
    return shutil.which(typed, path=env.get("PATH", os.defpath))


def _advice(typed: str, env: Mapping[str, str]) -> str:
    if typed == "python" and _resolve("python3", env):
        return "Try python3."
    if typed.endswith(".py"):
        return "Is the path of the script right?"
    return "Check its spelling, or give its path."
