"""The account of destinations that don't count."""

from __future__ import annotations

from typing import Final

from otelkit.model.signals import Account, Signal


class _Uncounted:
    """Counts nothing, since what goes to several destinations is counted for one of them only."""

    __slots__ = ()

    def created(self, signal: Signal, count: int = 1) -> None:
        pass

    def delivered(self, signal: Signal, count: int) -> None:
        pass

    def spooled(self, signal: Signal, count: int) -> None:
        pass

    def dropped(self, signal: Signal, count: int) -> None:
        pass

    def lost(self, signal: Signal, count: int, reason: str) -> None:
        pass


UNCOUNTED: Final[Account] = _Uncounted()
