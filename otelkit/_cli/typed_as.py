"""How the user has to type ``otelkit`` here."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from pathlib import Path

_NAME = "otelkit"


@cache
def program() -> str:
    """Return ``otelkit`` if that finds the program that runs now, else the path by which it was started.

    What is printed for the user to type next must work as it stands: in a virtual environment that is not activated, the
    name alone does not.
    """
    started = Path(sys.argv[0])
    found = shutil.which(_NAME)
    if started.name != _NAME or (found is not None and _same(Path(found), started)):
        return _NAME
    path = os.path.relpath(started)
    return str(started) if path.startswith(os.pardir) else path


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
