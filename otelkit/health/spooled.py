"""Telemetry that waits on disk for a receiver."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otelkit.model.checks import Finding, Severity

_MIB: Final = 1024 * 1024
DAMAGED_SUFFIX: Final = ".damaged"
"""Ends the names of spooled files that could not be read and were set aside."""


def find_spooled(folder: Path, max_bytes: int) -> Iterator[Finding]:
    """Yield what waits in the spool, and what was set aside because it could not be read.

    Args:
        folder: The spool's; it need not exist.
        max_bytes: Most bytes it may hold.
    """
    waiting, damaged, size = 0, 0, 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(DAMAGED_SUFFIX):
                    damaged += 1
                elif entry.is_file() and not entry.name.startswith("."):
                    waiting += 1
                    size += entry.stat().st_size
    except OSError:  # there is none, or a receiver is emptying it right now
        return
    if damaged:
        yield Finding(
            "spool.damaged",
            Severity.WARNING,
            f"Set aside in {folder}, because they could not be read: {damaged} files named *{DAMAGED_SUFFIX}.",
            "That telemetry is lost; the disk was full, or a machine went down while it was written.",
            "Delete them.",
        )
    if size > max_bytes * 0.9:
        yield Finding(
            "spool.full",
            Severity.ERROR,
            f"{size / _MIB:.0f} MiB wait in {folder}; spool_max_bytes is {max_bytes / _MIB:.0f} MiB.",
            "What can't be sent now is lost.",
            "Start a receiver with `otelkit up`: it takes them in.",
        )
    elif waiting:
        yield Finding(
            "spool.waiting",
            Severity.NOTE,
            f"{waiting} {'requests wait' if waiting > 1 else 'request waits'} in {folder} ({size / 1024:.0f} KiB).",
            "Nothing listened when they should have been sent.",
            "Start a receiver with `otelkit up`: it takes them in. So does the next `otelkit run`.",
        )
