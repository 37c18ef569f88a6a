"""What runs have lost, as their senders say."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from otelkit import names
from otelkit.embedded.wire_primitives import fields
from otelkit.embedded.wire_values import parse_key_value

_SELECT: Final = (
    "SELECT run, attributes, last_value FROM series JOIN metric ON metric.id = metric WHERE name = ? AND last_value > 0"
)


def read_losses(connection: sqlite3.Connection) -> Mapping[int, Mapping[tuple[str, str], int]]:
    """Return run → (signal, reason) → how many, summed over the run's processes. Needs an open read transaction."""
    found: dict[int, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for run, attributes, value in connection.execute(_SELECT, (names.METRIC_LOST,)):
        told = {"": ""}
        for tag, start, stop in fields(attributes, 0, len(attributes)):
            if tag == 0x0A:
                key, text = parse_key_value(attributes, start, stop)
                told[key] = str(text)
        found[run][told.get(names.LOST_SIGNAL, ""), told.get(names.LOST_REASON, "")] += round(value)
    return found
