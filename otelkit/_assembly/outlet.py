"""What the paths of the three signals share: settings, account, spool and notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from otelkit.delivery.notice import Notice
from otelkit.delivery.spool import Spool
from otelkit.ledger.ledger import Ledger
from otelkit.settings import Settings


@dataclass(frozen=True, slots=True)
class Outlet:
    """Everything a signal's path needs to get out of the process."""

    env: Mapping[str, str]
    settings: Settings
    ledger: Ledger
    spool: Spool | None
    """None: spooling is switched off."""
    notice: Notice
    """Says once, in one line, that telemetry is being spooled."""


class SignalPath(Protocol):
    """One signal's way out."""

    def flush(self, timeout_s: float) -> bool:
        """Send what is pending; False if that failed or took too long. Never raises."""

    def close(self, timeout_s: float) -> None:
        """Send or spool what is pending, then stop. Never raises, never takes longer."""

    def in_child(self, attributes: Mapping[str, str | int]) -> None:
        """Adapt to a forked child, whose resource differs by ``attributes``. Never raises."""
