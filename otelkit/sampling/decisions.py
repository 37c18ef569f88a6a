"""What was decided, in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from otelkit import names
from otelkit._guard import in_forked_child
from otelkit.model.calls import AttributeValue
from otelkit.model.sampling_figures import Figure

_MOST_KEYS: Final = 200
"""Pipelines and stages counted apart: with four classes, kept or not, below the 2,000 series that the SDK takes."""
_MEMORY_NS: Final = 60_000_000_000
"""Time constant of the mean probability."""
_STEP_NS: Final = 1_000_000_000
"""It fades once in so long: to do it for each trace would take longer than everything else here."""


class _Lately:
    """The mean of the probabilities in the last minute or so."""

    __slots__ = ("at_ns", "count", "total")

    def __init__(self) -> None:
        self.at_ns = 0
        self.count = self.total = 0.0

    def add(self, probability: float, now_ns: int) -> None:
        if now_ns < self.at_ns:
            # The clock was set back: nothing would fade until it has caught up.
            self.at_ns = now_ns
        elif now_ns - self.at_ns >= _STEP_NS:
            fades = math.exp(-(now_ns - self.at_ns) / _MEMORY_NS)
            self.at_ns = now_ns
            self.count *= fades
            self.total *= fades
        self.count += 1
        self.total += probability


class DecisionBook:
    """Counts decisions by class, by pipeline and stage, and by what they were. One thread counts, any may read.

    A forked child counts from zero.
    """

    def __init__(self) -> None:
        self._start_over()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        self._counts: dict[tuple[str, str, str, bool], int] = {}
        self._keys: set[tuple[str, str]] = set()
        self._lately: dict[str, _Lately] = {}

    def count(self, kind: str, pipeline: str, stage: str, *, kept: bool) -> None:
        """Count one decision."""
        place = (pipeline, stage)
        if place not in self._keys:
            if len(self._keys) < _MOST_KEYS:
                self._keys.add(place)
            else:
                pipeline = stage = ""
        key = (kind, pipeline, stage, kept)
        self._counts[key] = self._counts.get(key, 0) + 1

    def probability(self, kind: str, probability: float, now_ns: int) -> None:
        """Note at which probability a trace of this class was to be kept."""
        lately = self._lately.get(kind)
        if lately is not None:
            lately.add(probability, now_ns)
            return
        lately = _Lately()
        lately.add(probability, now_ns)
        # Not before: whoever reads it divides by its count.
        self._lately[kind] = lately

    def decided(self) -> dict[str, tuple[int, int]]:
        """Return for each class how many decisions were to keep, and how many there were."""
        totals: dict[str, tuple[int, int]] = {}
        for (kind, _, _, kept), count in list(self._counts.items()):
            before = totals.get(kind, (0, 0))
            totals[kind] = (before[0] + (count if kept else 0), before[1] + count)
        return totals

    def figures(self) -> Iterator[Figure]:
        """Yield counts and probabilities as they are now."""
        # In one step for the interpreter each: the other thread goes on counting.
        for (kind, pipeline, stage, kept), count in list(self._counts.items()):
            where: dict[str, AttributeValue] = (
                {names.PIPELINE_NAME: pipeline, names.STAGE_NAME: stage}
                if (pipeline, stage) in self._keys
                else {names.METRIC_OVERFLOW: True}
            )
            said = {names.SAMPLING_CLASS: kind, names.SAMPLING_KEPT: kept, **where}
            yield Figure(names.METRIC_SAMPLING_DECISIONS, count, said)
        for kind, lately in list(self._lately.items()):
            yield Figure(names.METRIC_SAMPLING_PROBABILITY, lately.total / lately.count, {names.SAMPLING_CLASS: kind})
