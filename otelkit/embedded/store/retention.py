"""Deletes what is too old or too much: whole traces, the oldest first."""

from __future__ import annotations

import sqlite3


class Retention:
    """Bounds the store by age and size. Works inside the writer's transactions."""

    def __init__(self, connection: sqlite3.Connection, max_bytes: int, max_age_s: float) -> None:
        self._connection = connection
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s

    def make_room(self, written: int) -> None:
        pass

    def clean(self, now_ns: int) -> tuple[dict[str, int], bool]:
        return {}, False
