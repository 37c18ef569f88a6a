"""The three signals, and who keeps account of them."""

from __future__ import annotations

from typing import Literal, Protocol

Signal = Literal["traces", "metrics", "logs"]


class Account(Protocol):
    """Where created, delivered and lost telemetry is counted, per signal. Thread-safe; methods never raise.

    At any instant: created = delivered + spooled + lost + pending. ``pending`` is what is left.
    """

    def created(self, signal: Signal, count: int = 1) -> None:
        """Count spans, points or log records that entered our path."""

    def delivered(self, signal: Signal, count: int) -> None:
        """Count what a receiver acknowledged."""

    def spooled(self, signal: Signal, count: int) -> None:
        """Count what was written to disk for a later start."""

    def lost(self, signal: Signal, count: int, reason: str) -> None:
        """Count what will never arrive. ``reason`` is one of a few constants, e.g. ``buffer_full``."""
