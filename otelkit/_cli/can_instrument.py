"""Whether a program's interpreter can instrument itself: it may be another Python than the one that runs otelkit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from otelkit._cli.find_program import Program

_QUESTION: Final = (
    "import importlib.util as u, sys; "
    "sys.exit(u.find_spec('otelkit') is None or u.find_spec('opentelemetry.instrumentation') is None)"
)
_PATIENCE_S: Final = 10.0


def why_not(program: Program, env: Mapping[str, str]) -> str | None:
    """Return why a program can't be instrumented; None if it can, or if nobody knows before it runs.

    Only an interpreter can be asked. It is our own in most cases, which needs no question.
    """
    if program.interpreter is None or _is_ours(program.interpreter):
        return None
    with suppress(OSError, subprocess.TimeoutExpired):
        asked = subprocess.run(
            [program.interpreter, "-c", _QUESTION],
            check=False,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
        )
        if asked.returncode == 1:
            return (
                f"{program.interpreter} is a Python without otelkit: the program runs, and nothing of it is recorded. "
                f"Install it there with `{program.interpreter} -m pip install otelkit`, or use {sys.executable}."
            )
    return None


def _is_ours(interpreter: str) -> bool:
    """Return whether a path is the very interpreter that runs us, in the same environment."""
    # Not resolved to the end: the interpreters of all virtual environments may be links to one file.
    theirs, ours = Path(interpreter).absolute(), Path(sys.executable).absolute()
    if theirs == ours:
        return True
    same_folder = os.path.realpath(theirs.parent) == os.path.realpath(ours.parent)
    return same_folder and os.path.realpath(theirs) == os.path.realpath(ours)
