"""Whole programs: what is counted from the spans that they send is what their own metrics count of every call."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.otlp_server import OtlpServer, otlp_server
from tests.programs import instrument, write

# Two stages by Zipf's law and one that comes but once; one call in fifty fails, half of them in the inner stage.
PROGRAM = """
    import random

    import otelkit

    rng = random.Random(7)

    @otelkit.stage
    def inner(fails):
        if fails:
            raise ValueError("inner")

    @otelkit.stage
    def often(fails):
        inner(fails and rng.random() < 0.5)
        if fails:
            raise KeyError("outer")

    @otelkit.stage
    def seldom(fails):
        inner(False)

    @otelkit.stage
    def once():
        pass

    for number in range(6_000):
        try:
            (often if number % 20 else seldom)(rng.random() < 0.02)
        except (KeyError, ValueError):
            pass
    once()
    """
SCALE = 1 << 56
ENOUGH = 25
"""Kept spans that are expected of a kind that is judged: for the normal law."""
Kind = tuple[str, bool]


def adjusted(server: OtlpServer) -> tuple[dict[Kind, float], dict[Kind, float]]:
    """Return, by stage and whether they failed, the sum of adjusted counts, and its estimated variance."""
    counts: dict[Kind, float] = defaultdict(float)
    variances: dict[Kind, float] = defaultdict(float)
    for span in server.spans:
        state = span.raw.trace_state
        assert state.startswith("ot=th:"), state
        p = (SCALE - int(state.removeprefix("ot=th:").ljust(14, "0"), 16)) / SCALE
        kind = (span.name, span.status == 2)
        counts[kind] += 1 / p
        variances[kind] += (1 - p) / (p * p)
    return counts, variances


def called(server: OtlpServer) -> Counter[Kind]:
    """Return the calls that the program's metrics tell."""
    counts: Counter[Kind] = Counter()
    latest = {
        (point.attributes["pipeline.stage.name"], point.attributes.get("error.type")): point.raw.count
        for point in server.points
        if point.metric == "pipeline.stage.duration"
    }
    for (stage, error), count in latest.items():
        counts[stage, error is not None] += count
    return counts


@pytest.mark.requirement("TRC-17", "TRC-18")
@pytest.mark.parametrize(
    ("sampler", "argument", "more"),
    [
        pytest.param("otelkit_ratio", "0.25", {}, id="ratio"),
        pytest.param("otelkit_rules", "", {"SAMPLING_RULES": "stage=seldom -> 1/2, stage=* -> 0.2"}, id="rules"),
        pytest.param("otelkit_adaptive", "400", {"SAMPLING_WINDOW_S": "0.2"}, id="adaptive"),
        pytest.param("otelkit_tail", "0.2", {}, id="tail"),
        pytest.param(
            "otelkit_tail", "1",
            {"SAMPLING_BUDGET_PER_WINDOW": "100", "SAMPLING_WINDOW_S": "0.2"},
            id="tail, an exact number",
        ),
    ],
)  # fmt: skip
def test_spans_stand_for_the_calls_that_were_made(
    tmp_path: Path, sampler: str, argument: str, more: dict[str, str]
) -> None:
    """By stage and outcome within 4 standard errors, inner stages too; every span says its threshold."""
    write(tmp_path, "app.py", PROGRAM)
    settings = {f"OTEL_PYTHON_OTELKIT_{name}": value for name, value in more.items()}
    with otlp_server() as server:
        done = instrument(
            tmp_path, "python", "app.py",
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG=argument, **settings,
        )  # fmt: skip

        assert (done.returncode, done.stderr) == (0, "")
        truth, (counts, variances) = called(server), adjusted(server)
        kept = Counter(span.name for span in server.spans)
    assert sum(truth.values()) > 12_000 > 2 * kept.total()
    assert truth["often", True] > 80
    judged = set()
    for kind, calls in truth.items():
        if kept[kind[0]] / sum(truth[kind[0], failed] for failed in (True, False)) * calls >= ENOUGH:
            judged.add(kind)
            # At the truth, as for a score interval; of a kind that was kept whole it is 0.
            error = math.sqrt(variances[kind] * calls / counts[kind]) if counts[kind] else 0.0
            assert abs(counts[kind] - calls) <= 4 * error + 1e-6, (kind, calls, counts[kind], error)
    assert {("often", False), ("inner", False)} <= judged
    if sampler == "otelkit_tail" and not more:
        # Below their budget. An exact number has no room for all errors where the whole program takes one window.
        assert counts["often", True] == pytest.approx(truth["often", True])
        assert counts["once", False] == 1
