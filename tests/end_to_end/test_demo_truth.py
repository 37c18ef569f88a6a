"""The whole demo, as `make demo` runs it: what it says is what happened."""

from __future__ import annotations

import ast
import json
import subprocess
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs import SCRIPTS, clean_environment


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


def otelkit(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the program in the demo's folder."""
    env = clean_environment(OTEL_PYTHON_OTELKIT_RECEIVER_HTTP_PORT="0")
    return subprocess.run(
        [SCRIPTS / "otelkit", *words], cwd=folder, env=env, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def run(folder: Path) -> Iterator[dict[str, Any]]:
    done = otelkit(folder, "demo")
    assert done.returncode == 0, done.stderr
    assert "otelkit trace" in done.stderr
    answer: dict[str, Any] = json.loads(otelkit(folder, "runs", "--json").stdout)
    (only,) = answer["runs"]
    return only


def files_of_the_standard_library() -> list[Path]:
    """Return what the demo should have handled, counted without any code of the demo."""
    root = Path(sysconfig.get_path("stdlib"))
    apart = {"site-packages", "dist-packages", "__pycache__"}
    return [path for path in root.rglob("*.py") if not apart & set(path.relative_to(root).parts)]


def parses(path: Path) -> bool:
    """Whether Python itself can parse the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


@pytest.mark.requirement("TRC-37", "TRC-38", "PERF-07", "ACC-22")
def test_the_stage_table_counts_every_file_and_every_failure(run: dict[str, Any]) -> None:
    """Against an independent walk of the folder and an independent `ast.parse` of each file."""
    files = files_of_the_standard_library()
    good = sum(map(parses, files))
    stages = {stage["name"]: (stage["calls"], stage["failed"], stage["items"]) for stage in run["stages"]}

    assert len(files) > 1000
    assert stages == {
        "steps.discover": (1, 0, len(files)),
        "steps.analyse": (len(files), len(files) - good, len(files)),
        "steps.read": (len(files), 0, len(files)),
        "steps.parse": (len(files), len(files) - good, len(files)),
        "steps.extract": (good, 0, good),
        "steps.store": (good, 0, good),
    }
    assert run["state"] == "ok"


def test_every_span_is_in_the_store_and_none_is_there_twice(run: dict[str, Any], folder: Path) -> None:
    """The spans exported from the store are as many as the calls, each with its own id, each below its right parent."""
    exported = folder / "run.jsonl"
    assert otelkit(folder, "export", run["id"], "-o", str(exported)).returncode == 0
    spans = [
        span
        for line in exported.read_text(encoding="utf-8").splitlines()
        for group in json.loads(line).get("resourceSpans", ())
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]
    names = {span["spanId"]: span["name"] for span in spans}
    below = Counter((span["name"], names.get(span.get("parentSpanId", ""))) for span in spans)

    assert len(spans) == len(names) == run["spans"] == sum(stage["calls"] for stage in run["stages"])
    assert run["lost"] == 0
    assert set(below) == {
        ("steps.discover", None),
        ("steps.analyse", None),
        ("steps.store", None),
        ("steps.read", "steps.analyse"),
        ("steps.parse", "steps.analyse"),
        ("steps.extract", "steps.analyse"),
    }


def test_the_last_failing_item_is_one_step_away_with_its_log_line(run: dict[str, Any], folder: Path) -> None:
    """From the summary to the trace: the file, the error and what was logged about it."""
    failed = run["last_failed"]
    trace = json.loads(otelkit(folder, "trace", failed["trace_id"], "--json").stdout)

    assert not parses(Path(failed["item"]))
    assert {span["status"] for span in trace["spans"] if span["name"] == "steps.parse"} == {"error"}
    assert [failed["item"] in log["body"] for log in trace["logs"] if log["severity"] == "WARN"] == [True]


def test_the_slowest_item_is_one_step_away(run: dict[str, Any], folder: Path) -> None:
    """Its trace is the whole way of one file, and no other call of that stage took longer."""
    slowest = run["slowest"]
    trace = json.loads(otelkit(folder, "trace", slowest["trace_id"], "--json").stdout)
    (call,) = [span for span in trace["spans"] if span["span_id"] == slowest["span_id"]]
    drawn = otelkit(folder, "trace", slowest["trace_id"]).stdout

    assert (call["name"], call["attributes"]["pipeline.item.id"]) == (slowest["stage"], slowest["item"])
    assert call["duration_ns"] / 1e9 == pytest.approx(slowest["duration_s"])
    assert {span["name"] for span in trace["spans"]} >= {"steps.analyse", "steps.read", "steps.parse"}
    assert call["duration_ns"] == max(span["duration_ns"] for span in trace["spans"])
    assert "steps.parse" in drawn
