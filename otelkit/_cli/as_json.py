"""Runs and traces as JSON, with the keys that the reference page promises: keys may be added, never renamed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from otelkit.model.bottleneck import bottleneck_of
from otelkit.model.views import RunRow, TraceView


def run_object(run: RunRow) -> dict[str, Any]:
    """Return a run with everything that is known of it. Durations in seconds, ``busy`` as a share of wall time.

    ``bottleneck`` is the stage that limits it, over all of its time; null where none can be told.
    """
    found = bottleneck_of(run)
    return asdict(run) | {"bottleneck": None if found is None else asdict(found)}


def trace_object(trace: TraceView) -> dict[str, Any]:
    """Return a trace: spans by start time, log lines by time. Times in nanoseconds since the epoch."""
    return asdict(trace)


def dumped(content: object) -> str:
    """Return JSON with plain ASCII, which every pipe and terminal can take."""
    # Any: attributes of foreign senders; what JSON has no form for becomes text rather than an error.
    return json.dumps(content, indent=2, default=str)
