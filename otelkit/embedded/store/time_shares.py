"""How the stages of a run have spent its time, and how long its queues made wait, from the last metrics."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import replace
from typing import Final

from otelkit import names
from otelkit.embedded.wire_primitives import fields
from otelkit.embedded.wire_values import parse_key_value
from otelkit.model.views import QueueRow, RunRow, StageRow

_METRICS: Final = (names.METRIC_STAGE_TIME, names.METRIC_QUEUE_TIME, names.METRIC_STAGE_SHARED)
_SELECT: Final = (
    "SELECT name, attributes, resource, last_ns, last_value FROM series JOIN metric ON metric.id = metric "
    "WHERE run = ? AND name IN (?, ?, ?) AND last_value IS NOT NULL"
)
_LEAST_S: Final = 0.001


def with_time_shares(row: RunRow, connection: sqlite3.Connection, number: int, started_ns: int) -> RunRow:
    """Return the run with the shares of time of its stages and queues; as it is where no metrics tell.

    Args:
        row: With its stages and queues.
        connection: In a read transaction.
        number: Of the run.
        started_ns: When its work began, Unix epoch: shares are of the time from then to the last metrics.
    """
    states: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    takes: dict[str, set[str]] = defaultdict(set)
    puts: dict[str, set[str]] = defaultdict(set)
    waits: dict[tuple[str, str], float] = {}
    crews = _Crews()
    until_ns = 0
    processes: dict[str, set[int]] = defaultdict(set)
    for name, raw, resource, last_ns, value in connection.execute(_SELECT, (number, *_METRICS)):
        until_ns = max(until_ns, last_ns)
        attributes = _attributes(raw)
        queue = attributes.get(names.QUEUE_NAME, "")
        if name == names.METRIC_QUEUE_TIME:
            # Not a sum: in each process it is the time in which anybody of that process waited.
            at = (queue, attributes.get(names.QUEUE_STATE, ""))
            waits[at] = max(waits.get(at, 0.0), value)
            continue
        if name == names.METRIC_STAGE_SHARED:
            crews.join(attributes.get(names.STAGE_NAME, ""), attributes.get(names.STAGE_OTHER, ""))
            continue
        stage, state = attributes.get(names.STAGE_NAME, ""), attributes.get(names.STAGE_STATE, "")
        states[stage][state] += value
        processes[stage].add(resource)
        if queue:
            (takes if state == "starved" else puts)[stage].add(queue)
    if not until_ns:
        return row
    measured_s = max(_LEAST_S, (until_ns - started_ns) / 1e9)

    def stage_row(stage: StageRow) -> StageRow:
        seconds = states.get(stage.name)
        if seconds is None:
            return stage
        return replace(
            stage,
            working=seconds["busy"] / measured_s,
            starved=seconds["starved"] / measured_s,
            blocked=seconds["blocked"] / measured_s,
            takes_from=tuple(sorted(takes[stage.name])),
            processes=len(processes[stage.name]),
            puts_into=tuple(sorted(puts[stage.name])),
            shares_with=crews.others(stage.name),
        )

    def queue_row(queue: QueueRow) -> QueueRow:
        full, empty = (waits.get((queue.name, state)) for state in ("full", "empty"))
        return replace(
            queue,
            full=None if full is None else min(1.0, full / measured_s),
            empty=None if empty is None else min(1.0, empty / measured_s),
        )

    return replace(
        row,
        stages=tuple(map(stage_row, row.stages)),
        queues=tuple(map(queue_row, row.queues)),
        measured_s=measured_s,
    )


class _Crews:
    """Stages that share workers, joined from pairs: who shares with one of a crew belongs to it."""

    def __init__(self) -> None:
        self._crew: dict[str, set[str]] = {}

    def join(self, one: str, other: str) -> None:
        crew = self._crew.get(one, {one}) | self._crew.get(other, {other})
        for stage in crew:
            self._crew[stage] = crew

    def others(self, stage: str) -> tuple[str, ...]:
        return tuple(sorted(self._crew.get(stage, {stage}) - {stage}))


def _attributes(raw: bytes) -> dict[str, str]:
    found = {}
    for tag, start, stop in fields(raw, 0, len(raw)):
        if tag == 0x0A:
            key, value = parse_key_value(raw, start, stop)
            found[key] = str(value)
    return found
