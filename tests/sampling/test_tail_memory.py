"""What the tail has learnt, over a restart."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from otelkit.model.traces import Verdict
from otelkit.sampling.classes import KeepPolicy
from otelkit.sampling.judgement import Judge
from otelkit.sampling.tail_memory import RememberingTail
from otelkit.sampling.tracestate import SCALE
from tests.forking import in_child
from tests.sampling.tails import ROOMY
from tests.sampling.traces import SECOND, fragment


def started(path: Path) -> tuple[RememberingTail, Judge]:
    judge = Judge(KeepPolicy())
    return RememberingTail(judge, ROOMY, path), judge


def reason(judge: Judge, now_ns: int, duration_ns: int = 10_000_000) -> str:
    verdict = judge.judge(fragment(SCALE - 1, duration_ns=duration_ns), now_ns)
    assert isinstance(verdict, Verdict)
    return verdict.reason


def test_after_a_restart_it_knows_what_is_slow_and_what_is_rare(tmp_path: Path) -> None:
    """The first trace is no first sight, and one of 20 ms is slow where 10 ms are usual."""
    path = tmp_path / "state" / "samplers.json"
    first, judge = started(path)
    for _ in range(200):
        reason(judge, SECOND)
    first.close()
    _, again = started(path)

    assert reason(again, 2 * SECOND) == "normal"
    assert reason(again, 2 * SECOND, duration_ns=20_000_000) == "slow"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b'{"otelkit_sampling_state": 1, "otelkit_tail": []}',
        b'{"otelkit_sampling_state": 1, "otelkit_tail": {"durations": [["a"]], "seen": []}}',
        b'{"otelkit_sampling_state": 1, "otelkit_tail": {"durations": [["a", "b", [[99999, 1.0]]]], "seen": []}}',
        b'{"otelkit_sampling_state": 1, "otelkit_tail": {"durations": [], "seen": [[1, 2]]}}',
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    """Nothing fails; the next end writes a good one."""
    path = tmp_path / "samplers.json"
    path.write_bytes(content)
    tail, judge = started(path)
    said = caplog.text
    reason(judge, SECOND)
    tail.close()

    assert str(path) in said
    assert json.loads(path.read_text())["otelkit_tail"]["seen"] == [[["nightly", "parse"], SECOND]]


def test_without_a_file_it_begins_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And says nothing."""
    _, judge = started(tmp_path / "none.json")

    assert reason(judge, SECOND) == "rare"
    assert caplog.text == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_writes_nothing(tmp_path: Path) -> None:
    """Its parent has seen more."""
    path = tmp_path / "samplers.json"
    tail, _ = started(path)

    def child() -> bool:
        tail.close()
        return path.exists()

    assert in_child(child) is False


def test_of_a_constant_nothing_need_be_remembered(tmp_path: Path) -> None:
    """What is learnt elsewhere does not count against a threshold that was set."""
    path = tmp_path / "samplers.json"
    first, judge = started(path)
    for _ in range(200):
        reason(judge, SECOND)
    first.close()
    constant = Judge(KeepPolicy(slow_threshold_ns=SECOND))
    RememberingTail(constant, ROOMY, path)

    assert reason(constant, 2 * SECOND, duration_ns=20_000_000) == "normal"
