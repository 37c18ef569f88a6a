"""What the account says of one signal at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """Spans, metric points or log records of this process: created = delivered + spooled + dropped + lost + pending."""

    created: int = 0
    """Entered our path."""
    delivered: int = 0
    """Acknowledged by a receiver."""
    spooled: int = 0
    """On disk, for a later start."""
    dropped: int = 0
    """Left out on purpose by a step."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """Reason -> how many will never arrive."""

    @property
    def pending(self) -> int:
        """On the way: in a buffer, held by a step, or being sent."""
        return self.created - self.delivered - self.spooled - self.dropped - sum(self.lost.values())
