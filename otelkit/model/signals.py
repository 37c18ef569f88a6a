"""The three signals, and who keeps account of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Protocol

Signal = Literal["traces", "metrics", "logs"]


class Loss(StrEnum):
    """Why telemetry will never arrive."""

    BUFFER_FULL = "buffer_full"
    """More was made than could be handled; raise the buffer's limit or sample."""
    ENCODE_FAILED = "encode_failed"
    """It can't be written as OTLP: something in it has no place there."""
    EXPORT_FAILED = "export_failed"
    """The exporter did not take it, and it could not be spooled because spooling is off or it is no OTLP exporter."""
    SPOOL_FULL = "spool_full"
    """It was to be spooled, and the spool holds as many bytes as it may."""
    SPOOL_FAILED = "spool_failed"
    """It was to be spooled, and the disk refused: full, read-only, or over the process's own limit."""
    REJECTED = "rejected"
    """The receiver refused it for good: what is in it is not valid, too large, or not wanted."""
    STEP_FAILED = "step_failed"
    """A step held it back and failed to give it back."""
    EXIT_LIMIT = "exit_limit"
    """The program ended, and the time to send or spool what was left was over."""
    AFTER_SHUTDOWN = "after_shutdown"
    """It ended after the provider had been shut down."""


class Account(Protocol):
    """Where created, delivered and lost telemetry is counted, per signal. Thread-safe; methods never raise.

    At any instant: created = delivered + spooled + dropped + lost + pending. ``pending`` is what is left.
    """

    def created(self, signal: Signal, count: int = 1) -> None:
        """Count spans, points or log records that entered our path."""

    def delivered(self, signal: Signal, count: int) -> None:
        """Count what a receiver acknowledged."""

    def spooled(self, signal: Signal, count: int) -> None:
        """Count what was written to disk for a later start. Negative: it was taken back from there, to be sent after all."""

    def dropped(self, signal: Signal, count: int) -> None:
        """Count what a step left out on purpose: filtered, or not kept by a sampler. Not a loss."""

    def lost(self, signal: Signal, count: int, reason: str) -> None:
        """Count what will never arrive. ``reason`` is one of `Loss`."""
