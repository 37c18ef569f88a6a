"""`otelkit_tail` as a user meets it: what is kept, why, how many it stands for, and how to get the rest back."""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from otelkit import names
from otelkit.embedded.store import open_reader
from otelkit.model.views import TraceView
from tests.cli.running import environment, otelkit, runs, started
from tests.programs import write
from tests.waiting import wait_until

CALLS = 4_000
MIXED = f"""
    import otelkit

    @otelkit.stage
    def parse(number):
        if number % 100 == 3:
            raise ValueError(f"bad {{number}}")

    for number in range({CALLS}):
        try:
            parse(number)
        except ValueError:
            pass
"""
WAITING = """
    import time
    from pathlib import Path
    import otelkit

    @otelkit.stage
    def parse(number):
        pass

    for number in range(500):
        parse(number)
    Path("ready").touch()
    while not Path("stop").exists():
        time.sleep(0.01)
"""
SIGNALLED = """
    import os, signal
    import otelkit

    @otelkit.stage
    def parse(number):
        pass

    for number in range(500):
        parse(number)
    os.kill(os.getpid(), signal.SIGUSR1)
"""
FAILING = """
    import otelkit

    @otelkit.stage
    def parse(number):
        if number == 499:
            raise ConnectionError("gone")

    for number in range(500):
        try:
            parse(number)
        except ConnectionError:
            pass
"""


def tail(**more: str) -> dict[str, str]:
    settings = {f"OTEL_PYTHON_OTELKIT_{name.upper()}": value for name, value in more.items()}
    return environment(OTEL_TRACES_SAMPLER="otelkit_tail", **settings)


def traces(folder: Path) -> list[TraceView]:
    """Return all traces of the only run."""
    with closing(open_reader(folder / ".otelkit" / "telemetry.db")) as reader:
        (run,) = reader.runs()
        found = [reader.trace(end.trace_id) for end in reader.trace_ends(run.id, 10**6)]
        return [trace for trace in found if trace is not None]


def reasons(folder: Path) -> Counter[str]:
    return Counter(str(trace.spans[0].attributes.get(names.SAMPLING_REASON)) for trace in traces(folder))


@pytest.mark.requirement("TRC-17", "TRC-18", "TRC-33", "PERF-16")
def test_errors_are_kept_and_counts_stay_true(tmp_path: Path) -> None:
    """Every failed trace is stored, each trace says its probability, and the counts they stand for are those of all calls.

    Of N normal traces kept at p the estimate has the variance N (1 - p) / p; four standard errors.
    """
    write(tmp_path, "app.py", MIXED)
    # The slow ones, which differ from run to run, are the normal ones' here.
    ran = otelkit(tmp_path, "run", "python", "app.py", env=tail(sampling_slow_threshold_s="3600"))
    stored = traces(tmp_path)
    failed = [trace for trace in stored if trace.spans[0].status == "error"]
    counted = sum(1 / float(str(trace.spans[0].attributes[names.SAMPLING_RATE])) for trace in stored)
    (run,) = runs(tmp_path)

    assert ran.returncode == 0, ran.stderr.decode()
    assert len(failed) == CALLS // 100
    assert all(trace.spans[0].trace_state == "ot=th:0" for trace in failed)
    assert all(trace.spans[0].trace_state.startswith("ot=th:") for trace in stored)
    assert set(reasons(tmp_path)) == {"error", "normal", "rare"}
    assert abs(counted - CALLS) <= 4 * math.sqrt(CALLS * 0.9 / 0.1)
    # Whatever is kept, stages are counted whole; and nothing was lost.
    assert [(stage.calls, stage.failed) for stage in run.stages] == [(CALLS, CALLS // 100)]
    assert run.lost == 0
    assert "would have kept" not in ran.stderr.decode()


def test_decisions_are_metrics(tmp_path: Path) -> None:
    """How many were kept and how many not, how likely, and what is held."""
    write(tmp_path, "app.py", MIXED)
    otelkit(tmp_path, "run", "python", "app.py", env=tail())
    with closing(sqlite3.connect(tmp_path / ".otelkit" / "telemetry.db")) as store:
        found = {name for (name,) in store.execute("SELECT name FROM metric WHERE name LIKE 'otelkit.sampling.%'")}

    assert {
        names.METRIC_SAMPLING_DECISIONS,
        names.METRIC_SAMPLING_PROBABILITY,
        names.METRIC_SAMPLING_BUFFER,
        names.METRIC_SAMPLING_EVICTIONS,
    } <= found


def test_keep_brings_back_what_a_running_program_has_left_out(tmp_path: Path) -> None:
    """Asked from another process: the last seconds arrive, say `retroactive` and no probability."""
    write(tmp_path, "app.py", WAITING)
    program = started(tmp_path, "run", "python", "app.py", env=tail(sampling_retain_s="60"))
    try:
        wait_until((tmp_path / "ready").exists)
        asked = otelkit(tmp_path, "keep", "--json", "--timeout", "10")
    finally:
        (tmp_path / "stop").touch()
        program.communicate(timeout=60)
    (answer,) = json.loads(asked.stdout)["answers"]
    found = reasons(tmp_path)
    back = [trace for trace in traces(tmp_path) if trace.spans[0].attributes[names.SAMPLING_REASON] == "retroactive"]

    assert asked.returncode == 0, asked.stderr.decode()
    assert answer["spans"] == answer["traces"] == found["retroactive"] > 300
    assert sum(found.values()) == 500
    assert {trace.spans[0].trace_state for trace in back} == {""}
    assert all(names.SAMPLING_RATE not in trace.spans[0].attributes for trace in back)


def test_an_error_of_a_named_class_brings_back_what_led_to_it(tmp_path: Path) -> None:
    """Also where it is the last thing that happens before the program ends."""
    write(tmp_path, "app.py", FAILING)
    otelkit(tmp_path, "run", "python", "app.py", env=tail(sampling_keep_on="ConnectionError"))
    found = reasons(tmp_path)

    assert found["error"] == 1
    assert found["retroactive"] > 300
    assert sum(found.values()) == 500


def test_a_signal_brings_back_what_was_left_out(tmp_path: Path) -> None:
    """And does not end the program, as it would by default."""
    write(tmp_path, "app.py", SIGNALLED)
    ran = otelkit(tmp_path, "run", "python", "app.py", env=tail(sampling_keep_signal="SIGUSR1"))

    assert ran.returncode == 0, ran.stderr.decode()
    assert reasons(tmp_path)["retroactive"] > 300


def test_without_a_trigger_what_was_left_out_is_gone_and_not_lost(tmp_path: Path) -> None:
    """It was left out on purpose: no word of a loss at the end."""
    write(tmp_path, "app.py", FAILING)
    ran = otelkit(tmp_path, "run", "python", "app.py", env=tail(sampling_keep_on="OSError,TimeoutError"))
    (run,) = runs(tmp_path)

    assert "retroactive" not in reasons(tmp_path)
    assert run.lost == 0
    assert b"lost" not in ran.stderr
