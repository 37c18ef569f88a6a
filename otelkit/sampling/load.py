"""How busy the process is, and how much of the normal traces it therefore keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from otelkit._guard import Barrier

Reading = Callable[[], float]
"""Returns a load: 0 idle, 1 as much as there can be. Called about once a second in the user's thread: it must not wait."""

REDUCED: Final = 0.5
"""What is kept of the normal traces under load, as a part of what would be kept without."""
_RELEASE: Final = 0.1
"""How far below the limit the load has to fall before all is as it was: so that it does not go to and fro at the limit."""


class Load:
    """Halves the normal share while the process is overloaded. Not thread-safe: one at a time measures.

    Args:
        limit: Load above which there is too much, above 0; from 1 on: never.
        readings: What load is measured by; the highest counts.
    """

    def __init__(self, limit: float, readings: Mapping[str, Reading]) -> None:
        self._limit = limit
        self._readings = [(name, read, Barrier(f"load: {name}")) for name, read in readings.items()]
        self.values: dict[str, float] = {}
        """The last readings, by name."""
        self.is_high = False
        """Whether the load is above its limit, or has been and is only little below it."""

    @property
    def factor(self) -> float:
        """What the normal share is multiplied with."""
        return REDUCED if self.is_high else 1.0

    def measure(self) -> float:
        """Read the load and return the factor that follows from it. Never raises."""
        if self._limit >= 1 or not self._readings:
            return 1.0
        for name, read, barrier in self._readings:
            if barrier.off:
                self.values.pop(name, None)
                continue
            try:
                self.values[name] = read()
            except Exception as error:  # noqa: BLE001 - a queue or an event loop may be a stranger's
                barrier.fault(error, "read")
            else:
                barrier.success()
        highest = max(self.values.values(), default=0.0)
        self.is_high = highest > self._limit - (_RELEASE if self.is_high else 0.0)
        return self.factor
