"""Room on the disk for the store and the spool."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otelkit.model.checks import Finding, Severity

_MIB: Final = 1024 * 1024
LITTLE_BYTES: Final = 64 * _MIB
"""Less than this is an error: a busy run fills it within a minute."""
SOME_BYTES: Final = 1024 * _MIB
"""Less than this is a warning."""


def find_no_room(folder: Path) -> Iterator[Finding]:
    """Yield a finding if the disk of ``folder`` is nearly full, or if the folder can't be written.

    The folder need not exist: then the nearest one above it counts.
    """
    # Not `Path.exists`, which raises where a folder above may not be entered.
    existing = next((path for path in (folder, *folder.absolute().parents) if os.path.exists(path)), None)  # noqa: PTH110 - see above
    if existing is None:
        return
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            "disk.not_writable",
            Severity.ERROR,
            f"{existing} {'can not be written by this user' if existing.is_dir() else 'is not a folder'}.",
            "Nothing can be stored, and what can't be sent is lost.",
            "Correct its permissions, or set store_dir to a folder that can be written.",
        )
        return
    free = shutil.disk_usage(existing).free
    if free < SOME_BYTES:
        yield Finding(
            "disk.low",
            Severity.ERROR if free < LITTLE_BYTES else Severity.WARNING,
            f"{free / _MIB:.0f} MiB are free on the disk of {existing}.",
            "When it is full, nothing more is stored.",
            "Make room, lower store_max_bytes and spool_max_bytes, or set store_dir to a folder on another disk.",
        )
