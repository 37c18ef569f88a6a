"""Telemetry that waits on disk for a receiver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from otelkit.model.checks import Finding, Severity

_MIB: Final = 1024 * 1024


class Spooled(Protocol):
    """What lies in a spool."""

    @property
    def requests(self) -> int:
        """Waiting to be taken in."""

    @property
    def bytes(self) -> int:
        """Of all files."""

    @property
    def damaged(self) -> int:
        """Files set aside because they could not be read."""


def find_spooled(folder: Path, state: Spooled, max_bytes: int) -> Iterator[Finding]:
    """Yield what waits in the spool, and what was set aside because it could not be read.

    Args:
        folder: The spool's.
        state: What lies in it.
        max_bytes: Most bytes it may hold.
    """
    if state.damaged:
        yield Finding(
            "spool.damaged",
            Severity.WARNING,
            f"Set aside in {folder}, because they could not be read: {state.damaged} files named *.damaged.",
            "That telemetry is lost; the disk was full, or a machine went down while it was written.",
            "Delete them.",
        )
    if state.bytes > max_bytes * 0.9:
        yield Finding(
            "spool.full",
            Severity.ERROR,
            f"{state.bytes / _MIB:.0f} MiB wait in {folder}; spool_max_bytes is {max_bytes / _MIB:.0f} MiB.",
            "What can't be sent now is lost.",
            "Start a receiver with `otelkit up`: it takes them in.",
        )
    elif state.requests:
        yield Finding(
            "spool.waiting",
            Severity.NOTE,
            f"Requests that wait in {folder}: {state.requests} ({state.bytes / 1024:.0f} KiB).",
            "They could not be sent when they should have been: nothing listened, or a receiver did not take them.",
            "Start a receiver with `otelkit up`: it takes them in. So does the next `otelkit run`.",
        )
