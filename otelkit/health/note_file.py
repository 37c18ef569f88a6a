"""A file of notes that instrumented programs leave for the doctor: one JSON object a line, several processes at once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from otelkit._folder import append_line, make_private_folder

_OLD: Final = ".old"


def now() -> str:
    """Return the time as notes have it: RFC 3339, UTC, to the second."""
    return ago(0.0)


def ago(age_s: float) -> str:
    """Return the time that was ``age_s`` seconds ago; such texts compare as the times do."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age_s))


def append(
    path: Path, note: Mapping[str, Any], *, most_bytes: int, keep: Literal["oldest", "newest"]
) -> None:  # Any: what JSON has
    """Add a note to the file at ``path``, whose folder is made if there is none.

    Args:
        path: Of the file.
        note: What JSON can hold.
        most_bytes: Size of the file from which on it is full.
        keep: What stays of a full one: ``oldest`` adds nothing to it, ``newest`` sets it aside as ``*.old`` and begins anew.

    Raises:
        OSError: The folder or the file can't be written.
    """
    make_private_folder(path.parent)
    if keep == "newest" and _size(path) >= most_bytes:
        # Whoever has it open meanwhile adds to what was set aside, which is read too.
        path.replace(path.with_name(path.name + _OLD))
    append_line(path, json.dumps(note), most_bytes=most_bytes if keep == "oldest" else None)


def read(path: Path) -> Iterator[Any]:  # Any: whatever is in the file
    """Yield what the lines hold, the oldest first; damaged ones are passed over, and a missing file has none."""
    for file in (path.with_name(path.name + _OLD), path):
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
