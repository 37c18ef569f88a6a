"""Results of the matrix as they are published: one committed file per version of Python."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.workers.matrix import PROGRAMS, PYTHONS

FOLDER: Final = Path(__file__).parent / "results"
HOLDS: Final = "holds"

_CHECKED_BY: Final = (Path(__file__).with_name("checking.py"), Path(__file__).with_name("test_matrix.py"))


@dataclass(frozen=True, slots=True)
class Results:
    """What came of the matrix under one version of Python."""

    python: str
    """The exact version, as in ``3.11.7``."""
    programs: str
    """`fingerprint` of what ran."""
    cells: dict[str, dict[str, str]]
    """By title and column: `HOLDS`, or why it does not."""


def fingerprint() -> str:
    """Return a short text that differs when a program of the matrix, or what is asked of it, differs."""
    digest = hashlib.sha256()
    for path in [*sorted(PROGRAMS.glob("*.py")), *_CHECKED_BY]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def read_all() -> dict[str, Results]:
    """Return the recorded results by version of Python; a version without a file is left out."""
    files = {version: FOLDER / f"{version}.json" for version in PYTHONS}
    return {
        version: Results(**json.loads(path.read_text(encoding="utf-8")))
        for version, path in files.items()
        if path.is_file()
    }


def write(results: Results) -> Path:
    """Record the results of one version of Python and return the file."""
    major, minor, *_ = results.python.split(".")
    path = FOLDER / f"{major}.{minor}.json"
    FOLDER.mkdir(exist_ok=True)
    path.write_text(json.dumps(asdict(results), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
