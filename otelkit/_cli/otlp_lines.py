"""OTLP/JSON, one request a line, in lines that a Collector's file receiver takes whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

LINE_BYTES_MOST: Final = 1_000_000
"""Bytes of a line. The Collector's file receivers break a line longer than their ``max_log_size`` (default 1 MiB) in
pieces that do not parse (collector-contrib issue 44371)."""

_LEVELS: Final = (
    ("resourceSpans", "scopeSpans", "spans"),
    ("resourceLogs", "scopeLogs", "logRecords"),
    ("resourceMetrics", "scopeMetrics", "metrics"),
)


def otlp_lines(requests: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield each request as a line of JSON without its line end; one that is too long as several.

    A single span or record that is too long by itself is not cut: its line is longer than `LINE_BYTES_MOST`.

    Args:
        requests: Objects with ``resourceSpans``, ``resourceLogs`` or ``resourceMetrics``. Any: JSON.
    """
    for request in requests:
        # Not recursive, and in order: the second half waits until the first is out.
        waiting = [request]
        while waiting:
            part = waiting.pop()
            text = json.dumps(part, separators=(",", ":"))  # plain ASCII: as many bytes as letters
            halves = _halves(part) if len(text) > LINE_BYTES_MOST else None
            if halves is None:
                yield text
            else:
                waiting += reversed(halves)


def _halves(request: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """Split at the outermost level that has more than one entry; None if there is none."""
    for resources, scopes, entries in _LEVELS:
        if resources not in request:
            continue
        outer = request[resources]
        if len(outer) > 1:
            return [{**request, resources: half} for half in _split(outer)]
        for resource in outer:
            inner = resource.get(scopes, [])
            if len(inner) > 1:
                return [{**request, resources: [{**resource, scopes: half}]} for half in _split(inner)]
            for scope in inner:
                if len(scope.get(entries, [])) > 1:
                    return [
                        {**request, resources: [{**resource, scopes: [{**scope, entries: half}]}]}
                        for half in _split(scope[entries])
                    ]
    return None


def _split(entries: list[Any]) -> tuple[list[Any], list[Any]]:
    middle = len(entries) // 2
    return entries[:middle], entries[middle:]
