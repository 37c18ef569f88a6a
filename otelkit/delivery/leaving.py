"""How the time that is left at the program's end is shared between network and disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SPOOLING_S: Final = 1 / 12_500
"""Seconds to encode and write one item, cautiously: measured were 51,000 spans/s alone and 17,000 on a busy machine."""
_DISK_BYTES_PER_S: Final = 20e6
"""How fast requests can be written at the end, cautiously."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """The program ends."""

    deadline: float
    """When everything is to be over, in `time.monotonic` seconds."""
    had_s: float
    """Seconds that were left when it began."""
    pending: Callable[[], int]
    """Items still to come."""

    @property
    def disk_until(self) -> float:
        """Return until when the disk is waited for, rather than left to the system, in `time.monotonic` seconds."""
        return self.deadline - self.had_s / 8

    def network_until(self, sending_s: float | None, encoded_bytes: int = 0) -> float:
        """Return when the network has had its share: what the disk needs for the rest is kept, within bounds.

        Args:
            sending_s: Seconds the network took for one item of late, encoding included; None: it took none.
            encoded_bytes: Requests that wait to be sent or written.
        """
        if sending_s is None:
            least_s, item_s = min(0.5, self.had_s / 4), SPOOLING_S
        else:
            # It works, so little is kept in case it stops. Spooling is encoding without the network.
            least_s, item_s = min(0.25, self.had_s / 8), min(SPOOLING_S, sending_s * 0.75)
        needed_s = max(least_s, self.pending() * item_s) + encoded_bytes / _DISK_BYTES_PER_S
        return self.deadline - min(self.had_s * 3 / 4, needed_s)
