"""Comparing ratios with those that were recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import recorded
from benchmarks.catalogue import BENCHMARKS
from benchmarks.harness import Ratio
from benchmarks.recorded import RECORDED, record, worse
from benchmarks.report import Column, Report


def report(name: str = "one", **ratios: Ratio) -> Report:
    return Report(name, "", (Column("what"),), (), ratios=ratios)


def at(value: float, spread: float = 0.01) -> Ratio:
    return Ratio(value, value - spread, value + spread)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a reference with one ratio of 1.0."""
    record(report(call=at(1.0)), tmp_path / "recorded.json")
    return tmp_path / "recorded.json"


def test_up_to_15_percent_more_is_no_regression(path: Path) -> None:
    """The machine breathes; a better ratio is none either."""
    assert worse(report(call=at(1.15)), path) == ([], [])
    assert worse(report(call=at(0.3)), path) == ([], [])


def test_more_than_that_is_one(path: Path) -> None:
    """It is named with what it was and what it is now."""
    regressions, doubts = worse(report(call=at(1.2)), path)

    assert regressions == ["WORSE   call: 1.2 times (1.19 to 1.21), recorded 1"]
    assert doubts == []


def test_noise_is_no_regression(path: Path) -> None:
    """A median above the limit that the rounds do not bear out is a doubt."""
    regressions, (doubt,) = worse(report(call=at(1.2, spread=0.1)), path)

    assert regressions == []
    assert doubt.startswith("doubt   call")
    assert doubt.endswith("measure again")


def test_what_is_new_or_gone_is_said(path: Path) -> None:
    """A ratio that nobody recorded, or nobody measures any more, does not pass in silence."""
    _, doubts = worse(report(block=at(1.0)), path)

    assert doubts == [
        "not compared: nothing is recorded of “block”",
        "gone    “call” is recorded and was not measured",
    ]


def test_another_python_is_not_compared(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ratios of 3.11 say nothing of 3.13; recording there starts anew."""
    monkeypatch.setattr(recorded, "_python", lambda: "3.99")
    regressions, (doubt,) = worse(report(call=at(9.0)), path)
    record(report("two", call=at(9.0)), path)

    assert regressions == []
    assert doubt.startswith("not compared: the reference is of Python 3.")
    assert json.loads(path.read_text()) == {"python": "3.99", "ratios": {"two": {"call": 9.0}}}


def test_recording_one_benchmark_leaves_the_others(path: Path) -> None:
    """Each has its own ratios in the file; what a benchmark no longer measures goes with its next recording."""
    record(report("two", call=at(3.0)), path)
    record(report("one", block=at(2.0)), path)

    assert json.loads(path.read_text())["ratios"] == {"one": {"block": 2.0}, "two": {"call": 3.0}}


def test_the_reference_is_of_benchmarks_that_there_are() -> None:
    """The file beside the benchmarks names no other ones."""
    assert set(json.loads(RECORDED.read_text())["ratios"]) <= set(BENCHMARKS)
