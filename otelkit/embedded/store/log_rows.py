"""Decoded log records → rows."""

from __future__ import annotations

from typing import Any, Final

from otelkit import names
from otelkit.embedded.store.dictionary import AttributeDictionary
from otelkit.embedded.store.heartbeats import Heartbeats, is_heartbeat
from otelkit.embedded.store.kinds import Kinds
from otelkit.embedded.store.runs import Runs
from otelkit.embedded.store.traces import TraceNumbers
from otelkit.embedded.wire import Group

INSERT: Final = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_SECOND_NS: Final = 1_000_000_000


class LogRows:
    """Collects the rows of a transaction."""

    def __init__(
        self,
        attributes: AttributeDictionary,
        kinds: Kinds,
        traces: TraceNumbers,
        runs: Runs,
        heartbeats: Heartbeats,
        first: int,
    ) -> None:
        self._attributes = attributes
        self._kinds = kinds
        self._traces = traces
        self._runs = runs
        self._heartbeats = heartbeats
        self.next = first
        """The number that the next record gets."""

    def rows(self, group: Group, now_ns: int) -> list[tuple[Any, ...]]:
        """Return the rows of a group's records for `INSERT`. Needs an open transaction."""
        resource, default_run = self._kinds.resource(group.resource, now_ns)
        scope = self._kinds.scope(group.scope)
        self._traces.learn([row[0] for row in group.rows if row[0]], now_ns // _SECOND_NS)
        out = []
        for trace_id, span_id, time_ns, severity, severity_text, body, shared, own, marks, rest in group.rows:
            run = default_run
            said = [(each.key.name, each.value) for each in shared if each.key.marked] + marks
            for key, value in said:
                if key == names.PIPELINE_RUN_ID and isinstance(value, str):
                    run = self._runs.get(value, now_ns)
            if rest and is_heartbeat(rest):
                self._heartbeats.take(run.no, trace_id, span_id, time_ns, said)
            number, self.next = self.next, self.next + 1
            out.append(
                (
                    number,
                    self._traces.known[trace_id] if trace_id else None,
                    span_id or None,
                    run.no,
                    resource,
                    scope,
                    time_ns,
                    severity,
                    severity_text,
                    body,
                    self._attributes.pack(shared) + self._attributes.pack_inline(own),
                    rest or None,
                )
            )
            run.changed = True
            run.logs += 1
            run.saw(time_ns, time_ns)
            run.first_log = min(run.first_log, number)
            run.last_log = number
        return out
