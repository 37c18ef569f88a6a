"""The folder that holds telemetry, and files in it: for the eyes of its user only, and kept out of version control."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

PRIVATE_FILE: Final = 0o600
"""Mode of the files in it: they hold log bodies and ids of items."""
_PRIVATE_FOLDER: Final = 0o700
_OURS: Final = ("telemetry.db", "spool", "faults.jsonl", "losses.jsonl", "receiver.", "keep.", ".gitignore")
"""How the names of what we put there begin."""


def make_private_folder(folder: Path) -> None:
    """Make ``folder``, which only its user may enter, with a ``.gitignore``, also if only that is missing.

    A folder that is there keeps its mode, which may be somebody's choice, and gets a ``.gitignore`` only if nothing of
    somebody else is in it: ``store_dir`` may name a project's own folder, whose files are to be committed.

    Raises:
        OSError: It can't be made.
    """
    # `mkdir` gives the mode to the last folder only, which is the one that holds telemetry.
    folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    # Telemetry is kept also where this fails.
    with suppress(OSError):
        if not (folder / ".gitignore").exists() and all(path.name.startswith(_OURS) for path in folder.iterdir()):
            with (folder / ".gitignore").open("x", encoding="ascii") as file:
                file.write("*\n")


def write_all(file: int, data: bytes) -> None:
    """Write all of ``data`` to an open file; the system may take it in pieces.

    Raises:
        OSError: It can't be written; a part of it may be.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def append_line(path: Path, line: str, *, most_bytes: int | None = None) -> None:
    """Add a line to the file, made for its user only if it is not there.

    Args:
        path: Of the file.
        line: Without its end.
        most_bytes: Nothing is added to a file of this size or more; None: it has no limit.

    Raises:
        OSError: It can't be written.
    """
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE_FILE)
    try:
        if most_bytes is None or os.fstat(file).st_size < most_bytes:
            # One write to a file opened for appending: lines of several processes do not mix.
            os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def replace_file(path: Path, text: str) -> None:
    """Put ``text`` in place of the file, for its user only, in one step: whoever reads it finds the old one or all of the new.

    Of two processes that do so at once one wins.

    Raises:
        OSError: It can't be written; the old one stands, and nothing else is left.
    """
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
