"""Numbers for what many rows share: resources, scopes, shapes of spans, metrics and their series."""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable
from typing import Any, Final

from otelkit.embedded.store.runs import Runs, RunState
from otelkit.embedded.wire import Metric, Resource, Scope

_REMEMBERED: Final = 20_000


class Kinds:
    """Looks each up in memory, then in its table, then makes a row. Needs an open transaction."""

    def __init__(self, connection: sqlite3.Connection, runs: Runs) -> None:
        self._connection = connection
        self._runs = runs
        self._known: dict[Hashable, Any] = {}  # Any: a row's number, or a pair of number and run
        self.shapes_made = 0
        """Since the start: tells whether span names repeat."""

    def resource(self, resource: Resource, now_ns: int) -> tuple[int, RunState]:
        """Return the number of a resource and the run of its items that name none."""
        run = self._runs.get(resource.run_id, now_ns)
        if run.service is None:
            run.service = resource.service
            run.changed = True
        if run.told_name is None and resource.run_name is not None:
            run.told_name = resource.run_name
            run.changed = True
        number = self._number(
            ("resource", resource.raw, resource.schema_url),
            "SELECT id FROM resource WHERE raw = ? AND schema_url = ? AND run = ?",
            "INSERT INTO resource (raw, schema_url, run) VALUES (?, ?, ?)",
            (resource.raw, resource.schema_url, run.no),
        )
        return number, run

    def scope(self, scope: Scope) -> int:
        """Return the number of a scope."""
        return self._number(
            ("scope", scope.raw, scope.schema_url),
            "SELECT id FROM scope WHERE raw = ? AND schema_url = ?",
            "INSERT INTO scope (raw, schema_url) VALUES (?, ?)",
            (scope.raw, scope.schema_url),
        )

    def shape(self, resource: int, scope: int, run: int, name: str | None, kind: int) -> int:
        """Return the number of what spans of one name and origin have in common."""
        row = (resource, scope, run, name, kind)
        made = len(self._known)
        number = self._number(
            ("shape", *row),
            "SELECT id FROM shape WHERE resource = ? AND scope = ? AND run = ? AND name IS ? AND kind = ?",
            "INSERT INTO shape (resource, scope, run, name, kind) VALUES (?, ?, ?, ?, ?)",
            row,
        )
        self.shapes_made += len(self._known) != made
        return number

    def metric(self, metric: Metric) -> int:
        """Return the number of a metric."""
        return self._number(
            metric,
            "SELECT id FROM metric WHERE name = ? AND description = ? AND unit = ? AND data = ? AND temporality = ? "
            "AND monotonic = ? AND metadata = ?",
            "INSERT INTO metric (name, description, unit, data, temporality, monotonic, metadata) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            tuple(metric),
        )

    def series(self, metric: int, resource: int, scope: int, run: int, attributes: bytes) -> int:
        """Return the number of a metric's series."""
        return self._number(
            ("series", metric, resource, scope, attributes),
            "SELECT id FROM series WHERE metric = ? AND resource = ? AND scope = ? AND run = ? AND attributes = ?",
            "INSERT INTO series (metric, resource, scope, run, attributes, last_ns) VALUES (?, ?, ?, ?, ?, 0)",
            (metric, resource, scope, run, attributes),
        )

    def _number(self, key: Hashable, select: str, insert: str, values: tuple[Any, ...]) -> int:
        known: int | None = self._known.get(key)
        if known is not None:
            return known
        row = self._connection.execute(select, values).fetchone()
        number = int(row[0]) if row else self._connection.execute(insert, values).lastrowid
        assert number is not None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = number
        return number
