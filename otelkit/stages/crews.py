"""Which stages are run by the same workers: threads, tasks or processes that run one of them, and then another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from opentelemetry.metrics import Observation

from otelkit import names
from otelkit._guard import in_forked_child
from otelkit.model.calls import StageSeries
from otelkit.stages.queue_times import StageKey

_MOST: Final = 1000
"""Pairs kept; stages' names may be made from data."""


class Crews:
    """Pairs of stages that one worker was seen to run, right after each other or one inside the other.

    Any thread may note a pair, also in a signal handler: there is no lock. A forked child starts without any.
    """

    def __init__(self) -> None:
        self._start_over()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        self._pairs: set[tuple[StageKey, StageKey]] = set()
        self._nested: set[tuple[StageSeries, StageSeries]] = set()

    def note(self, first: StageKey, second: StageKey) -> None:
        """Note that a worker has run both."""
        pairs = self._pairs
        if (first, second) not in pairs and first != second and (second, first) not in pairs and len(pairs) < _MOST:
            pairs.add((first, second))

    def knows(self, around: StageSeries, inside: StageSeries) -> bool:
        """Return whether `note_nested` was told of these; asked at every call inside another one, so that it is done once."""
        return (around, inside) in self._nested

    def note_nested(self, around: StageSeries, inside: StageSeries) -> None:
        """Note that a worker runs a stage, and another one inside it."""
        if len(self._nested) < _MOST:
            self._nested.add((around, inside))
        self.note((around.pipeline, around.stage.name), (inside.pipeline, inside.stage.name))

    def observations(self) -> Iterator[Observation]:
        """Yield each pair once."""
        for (pipeline, first), (_, second) in sorted(self._pairs.copy()):
            yield Observation(1, {names.PIPELINE_NAME: pipeline, names.STAGE_NAME: first, names.STAGE_OTHER: second})
