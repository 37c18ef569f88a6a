"""What a plugin declares about a metric before it records it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric that will be recorded."""

    name: str
    kind: Literal["counter", "updown", "gauge", "histogram"]
    unit: str
    """In UCUM notation, e.g. ``s``, ``By``, ``{item}``, ``1``."""
    meaning: str
    """One sentence; becomes the instrument's description."""
    attributes: tuple[str, ...] = ()
    """The attribute keys it is recorded with; no others, so that its cardinality can be judged from here."""
    boundaries: tuple[float, ...] = ()
    """Histograms: upper bounds of the buckets, in ``unit``, ascending; empty: the SDK's default."""
    observed: bool = False
    """Read when metrics are collected: its observer creates the instrument, with a callback, in ``CallObserver.bind``."""
