"""Exported lines are whole, in order and short enough for a Collector."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otelkit._cli.otlp_lines import LINE_BYTES_MOST, otlp_lines

_LEVELS = [
    ("resourceSpans", "scopeSpans", "spans"),
    ("resourceLogs", "scopeLogs", "logRecords"),
    ("resourceMetrics", "scopeMetrics", "metrics"),
]


def _request(level: tuple[str, str, str], resources: int, scopes: int, entries: int, size: int) -> dict[str, Any]:
    outer, middle, inner = level
    number = iter(range(10**9))
    return {
        outer: [
            {
                "resource": {"attributes": [resource]},
                middle: [
                    {
                        "scope": {"name": f"s{scope}"},
                        inner: [{"n": next(number), "x": "é" * size} for _ in range(entries)],
                    }
                    for scope in range(scopes)
                ],
            }
            for resource in range(resources)
        ]
    }


def test_a_small_request_is_one_line() -> None:
    """Nothing is changed that fits."""
    request = _request(_LEVELS[0], 2, 2, 3, 1)
    (line,) = otlp_lines([request])

    assert json.loads(line) == request
    assert "\n" not in line


@pytest.mark.parametrize("level", _LEVELS, ids=lambda level: level[2])
@pytest.mark.parametrize("shape", [(9, 1, 1), (1, 9, 1), (1, 1, 9), (3, 3, 3)])
def test_a_large_request_is_split_without_loss(level: tuple[str, str, str], shape: tuple[int, int, int]) -> None:
    """Each line stays below the limit; together they have each entry once, in order, under its own resource and scope."""
    request = _request(level, *shape, size=60_000)
    lines = list(otlp_lines([request]))
    outer, middle, inner = level

    def flat(part: dict[str, Any]) -> list[tuple[Any, ...]]:
        return [
            (entry["n"], resource["resource"]["attributes"], scope["scope"]["name"])
            for resource in part[outer]
            for scope in resource[middle]
            for entry in scope[inner]
        ]

    assert len(lines) > 1
    assert all(len(line) <= LINE_BYTES_MOST for line in lines)
    assert [entry for line in lines for entry in flat(json.loads(line))] == flat(request)


def test_a_giant_entry_stays_whole() -> None:
    """One span that is too long by itself is better too long than broken."""
    (line,) = otlp_lines([_request(_LEVELS[0], 1, 1, 1, 300_000)])

    assert len(line) > LINE_BYTES_MOST
    assert json.loads(line)
