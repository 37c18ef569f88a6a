"""Tables, goals and JSON of a benchmark's report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.harness import Contest
from benchmarks.report import Column, Goal, Report

REPORT = Report(
    "call",
    "One call",
    (Column("what"), Column("wall µs"), Column("more", "{:+.1%}")),
    (("bare", 0.05, None), ("stage, sampled", 12.345, 0.0312)),
    goals=(Goal("stage", 12.345, 15, "µs"), Goal("files", 9_000, 10_000, "files/min", at_least=True)),
    notes=("Nothing is sent.",),
    contest=Contest({"bare": ({"wall_us": 0.05},)}, (0.01, 0.02)),
)


def test_text_is_an_aligned_table() -> None:
    """Names stand left, numbers right, a missing figure is a dash; noise, notes and goals follow."""
    assert REPORT.text().splitlines() == [
        "One call",
        "========",
        "",
        "what            wall µs   more",
        "--------------  -------  -----",
        "bare               0.05      –",
        "stage, sampled    12.35  +3.1%",
        "",
        "1 alternating rounds; one and the same piece of work took up to 100% longer at times",
        "",
        "Nothing is sent.",
        "",
        "ok      stage: 12.3 µs (at most 15 µs)",
        "MISSED  files: 9,000 files/min (at least 10,000 files/min)",
    ]


def test_json_has_every_turn(tmp_path: Path) -> None:
    """The file holds rows by heading, goals, the machine and the figures of each round."""
    written = json.loads(REPORT.write(tmp_path / "new").read_text())

    assert (tmp_path / "new" / "call.json").exists()
    assert written["rows"][1] == {"what": "stage, sampled", "wall µs": 12.345, "more": 0.0312}
    assert written["turns"] == {"bare": [{"wall_us": 0.05}]}
    assert [goal["reached"] for goal in written["goals"]] == [True, False]
    assert written["machine"]["processors"] >= 1


@pytest.mark.parametrize(
    ("value", "at_least", "reached"), [(5, False, True), (5.1, False, False), (5, True, True), (4.9, True, False)]
)
def test_a_goal_includes_its_limit(value: float, at_least: bool, reached: bool) -> None:
    """The limit itself is good enough, from either side."""
    assert Goal("x", value, 5, at_least=at_least).reached is reached
