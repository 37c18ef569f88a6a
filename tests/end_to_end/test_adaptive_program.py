"""A program that is sampled to a target, as a user starts it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.programs import instrument, write

PROGRAM = """
    import os, signal, sys
    import otelkit
    from opentelemetry import trace

    kept, said = {"hot": 0, "rare": 0}, set()

    def count(name):
        with otelkit.stage(name, pipeline="p"):
            outer = trace.get_current_span().get_span_context()
            kept[name] += outer.trace_flags.sampled
            with otelkit.stage("inner", pipeline="p"):
                inner = trace.get_current_span().get_span_context()
                assert inner.trace_flags == outer.trace_flags
                assert inner.trace_state == outer.trace_state
                said.add(("ot" in inner.trace_state, bool(inner.trace_flags.sampled)))

    for number in range(20_000):
        count("hot")
        if number % 5_000 == 0:
            count("rare")
    print(kept["hot"], kept["rare"], sorted(said), flush=True)
    if sys.argv[1:] == ["SIGTERM"]:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
"""

ENV = {
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_TRACES_SAMPLER": "otelkit_adaptive",
    "OTEL_TRACES_SAMPLER_ARG": "10",
}


def run(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    write(folder, "app.py", PROGRAM)
    return instrument(folder, "python", "app.py", *arguments, **ENV, **env)


def kept(ended: subprocess.CompletedProcess[str]) -> tuple[int, int]:
    hot, rare, *_ = ended.stdout.split()
    return int(hot), int(rare)


@pytest.mark.requirement("TRC-32")
def test_a_burst_is_kept_to_the_target_and_a_rare_stage_whole(tmp_path: Path) -> None:
    """20,000 traces at once: a window's 100 and what little the next share is; all four of the rare stage."""
    ended = run(tmp_path)
    hot, rare = kept(ended)

    assert (ended.returncode, ended.stderr) == (0, "")
    # The window's spare of 100, looked at every few, and then 10 per second while it runs; 4 standard errors of 100 and more.
    assert 90 <= hot <= 250
    assert rare == 4
    # Every span of a kept trace says its probability, and no other.
    assert ended.stdout.strip().endswith("[(False, False), (True, True)]")


@pytest.mark.parametrize("ending", ["at its end", "SIGTERM"])
def test_what_was_learnt_is_there_at_the_next_start(ending: str, tmp_path: Path) -> None:
    """However the program ends in an orderly way; a broken file is named on stderr, and the program runs."""
    path = tmp_path / "learnt.json"
    path.write_text("broken")
    setting = {"OTEL_PYTHON_OTELKIT_SAMPLING_STATE_PATH": "learnt.json"}
    first = run(tmp_path, *(["SIGTERM"] if ending == "SIGTERM" else []), **setting)
    learnt = {stage: per_s for _, stage, per_s in json.loads(path.read_text())["otelkit_adaptive"]}
    second = run(tmp_path, **setting)

    assert first.returncode == (-15 if ending == "SIGTERM" else 0)
    assert str(path) in first.stderr
    assert learnt["hot"] == pytest.approx(2000, rel=0.3)
    assert (second.returncode, second.stderr) == (0, "")
    # 1 in 200 of 20,000: 100, one standard error 10; 30 % more or fewer if the first program took a window and more.
    assert 40 <= kept(second)[0] <= 180
    assert kept(second)[1] == 4


def test_a_target_that_is_none_is_said_and_nothing_is_thinned_silently(tmp_path: Path) -> None:
    """The program runs; the setting, the value and what happens instead are named on stderr."""
    ended = instrument(
        write(tmp_path, "app.py", PROGRAM).parent, "python", "app.py", **{**ENV, "OTEL_TRACES_SAMPLER_ARG": "-3"}
    )

    assert ended.returncode == 0
    assert kept(ended) == (20_000, 4)
    assert "OTEL_TRACES_SAMPLER_ARG is '-3'" in ended.stderr
    assert "Every trace is kept" in ended.stderr
