"""The sampler for a number of traces per second: what it says, whom it follows, what it survives."""

from __future__ import annotations

import json
import logging
import math
import random
import sys
import threading
from pathlib import Path

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, SamplingResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from otelkit import names
from otelkit.model.calls import Stage, StageKind
from otelkit.model.sampling import LearningSampler, RootDecider, StageRootDecider
from otelkit.model.sampling_figures import SaysFigures
from otelkit.sampling.adaptive import OtelkitAdaptive
from otelkit.sampling.load import Load
from otelkit.testing import FakeClock
from tests.forking import held_by_another_thread, in_child
from tests.sampling.arrivals import adaptive

HIGH = (1 << 120) | ((1 << 56) - 1)
LOW = 1 << 120
PARSE = Stage("parse", StageKind.FUNCTION)
HERE = Context()


def below(trace_id: int, header: str, *, sampled: bool = True, remote: bool = True) -> Context:
    state = TraceState.from_header([header]) if header else TraceState()
    flags = TraceFlags(int(sampled))
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, 1, remote, flags, state)), HERE)


def header_of(result: SamplingResult) -> str:
    return result.trace_state.to_header() if result.trace_state else ""


def thinned(target: float = 10.0, per_s: float = 1000.0) -> OtelkitAdaptive:
    """Return a sampler that has learnt that far too much comes of one key."""
    sampler, traffic = adaptive(target)
    traffic.windows(lambda _: [per_s], 3)
    return sampler


def test_it_is_what_stages_and_the_program_end_look_for() -> None:
    """Asked for stages by their names, told of the end, read for metrics; not decided by the trace id alone."""
    sampler = OtelkitAdaptive(10)

    assert isinstance(sampler, StageRootDecider)
    assert isinstance(sampler, LearningSampler)
    assert isinstance(sampler, SaysFigures)
    assert not isinstance(sampler, RootDecider)


def test_a_kept_trace_says_why_and_at_which_probability() -> None:
    """`th:0` while everything fits; 1 / k and its threshold once it does not."""
    first = OtelkitAdaptive(10).should_sample(None, LOW, "s", attributes={"a": 1})
    later = thinned().decide_root(HIGH, Stage("s0", StageKind.FUNCTION), "p", HERE)
    assert later is not None
    state, said = later

    assert header_of(first) == "ot=th:0"
    assert dict(first.attributes) == {"a": 1, names.SAMPLING_REASON: "adaptive", names.SAMPLING_RATE: 1.0}
    assert said[names.SAMPLING_REASON] == "adaptive"
    one_in = 1 / float(str(said[names.SAMPLING_RATE]))
    assert one_in == round(one_in) > 50
    assert state is not None
    assert int(state["ot"].removeprefix("th:").ljust(14, "0"), 16) == pytest.approx((1 - 1 / one_in) * 2**56, rel=1e-9)


def test_a_trace_is_kept_if_its_randomness_is_not_below_the_threshold() -> None:
    """Consistent with every other sampler that goes by the trace id: high ones are kept, low ones are not."""
    sampler = thinned()
    stage = Stage("s0", StageKind.FUNCTION)

    assert sampler.decide_root(HIGH, stage, "p", HERE) is not None
    assert sampler.decide_root(LOW, stage, "p", HERE) is None
    assert sampler.should_sample(None, LOW, "s0", attributes={names.PIPELINE_NAME: "p"}).decision is Decision.DROP


def test_asked_by_a_span_or_by_a_stage_it_counts_the_same_key() -> None:
    """A stage's span in a provider of the program's is the same stage."""
    sampler = OtelkitAdaptive(10)
    sampler.decide_root(HIGH, PARSE, "demo", HERE)
    sampler.should_sample(None, HIGH, "x", attributes={names.PIPELINE_NAME: "demo", names.STAGE_NAME: "parse"})
    sampler.should_sample(None, HIGH, "GET /")

    assert {key: entry.arrivals for key, entry in sampler.controller.table.entries.items()} == {
        ("demo", "parse"): 2,
        ("", "GET /"): 1,
    }


@pytest.mark.parametrize("remote", [True, False])
def test_children_do_as_their_parent_and_are_not_counted(remote: bool) -> None:
    """A trace stays whole; a remote parent's decision is honoured."""
    sampler = thinned()
    before = sum(entry.arrivals for entry in sampler.controller.table)
    kept = sampler.should_sample(below(HIGH, "ot=th:8,v=1", remote=remote), HIGH, "s", attributes={"a": 1})
    dropped = sampler.should_sample(below(HIGH, "v=1", sampled=False, remote=remote), HIGH, "s")

    assert (kept.decision, header_of(kept), dict(kept.attributes)) == (
        Decision.RECORD_AND_SAMPLE,
        "ot=th:8,v=1",
        {"a": 1},
    )
    assert (dropped.decision, header_of(dropped)) == (Decision.DROP, "v=1")
    assert sum(entry.arrivals for entry in sampler.controller.table) == before


def test_a_malformed_threshold_of_a_remote_parent_ends_here() -> None:
    """Everything else in tracestate stays."""
    result = OtelkitAdaptive(10).should_sample(below(HIGH, "v1=x,ot=th:?;k:v"), HIGH, "s")

    assert (result.decision, header_of(result)) == (Decision.RECORD_AND_SAMPLE, "v1=x,ot=k:v")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"target_per_s": value} for value in (0, -1, math.nan, math.inf)),
        *({"max_keys": 0}, {"window_s": 0.0}, {"window_s": -1.0}),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    """By name."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*; expected a number above 0"):
        OtelkitAdaptive(**{"target_per_s": 10.0, **wrong})  # type: ignore[arg-type]  # wrong is the point


@pytest.mark.requirement("TRC-35")
def test_under_load_half_is_kept_until_the_load_is_well_below_its_limit() -> None:
    """Above 0.8 the target is halved, at once; at 0.75 it still is; at 0.65 it is whole again."""
    readings = [0.0]
    clock = FakeClock()
    sampler = OtelkitAdaptive(100, load=Load(0.8, {"cpu": lambda: readings[-1]}), clock=clock)
    rng = random.Random(8)
    kept = []
    for reading in (0.5, 0.5, 0.5, 0.9, 0.75, 0.65, 0.9):
        readings.append(reading)
        count = 0
        for _ in range(5000):  # 500 per second for a window of 10 s
            clock.advance(0.002)
            count += sampler.decide_root(rng.getrandbits(128), PARSE, "p", HERE) is not None
        kept.append(count / 10)

    # One standard error: √(1000) of 1,000 kept, √(500) of 500. The first second of a window still goes by the last one's load.
    expected = [None, 100, 100, 50, 50, 100, 50]
    for per_s, right in zip(kept[1:], expected[1:], strict=True):
        assert per_s == pytest.approx(right, rel=0.1 + 4 / math.sqrt(500))


def test_figures_tell_decisions_by_key_the_probability_and_the_error() -> None:
    """For metrics: each trace is counted once, kept or not."""
    sampler = thinned()
    figures = list(sampler.figures())
    decisions = {
        bool(figure.attributes[names.SAMPLING_KEPT]): figure.value
        for figure in figures
        if figure.metric == names.METRIC_SAMPLING_DECISIONS
    }
    (probability,) = [f for f in figures if f.metric == names.METRIC_SAMPLING_PROBABILITY]
    (error,) = [f for f in figures if f.metric == names.METRIC_SAMPLING_CONTROLLER_ERROR]
    (entry,) = sampler.controller.table.entries.values()

    assert sum(decisions.values()) == entry.arrivals
    assert decisions[True] == entry.kept > 0
    assert probability.attributes == {names.PIPELINE_NAME: "p", names.STAGE_NAME: "s0"}
    assert probability.value == pytest.approx(0.01, rel=0.1)
    assert error.value == pytest.approx(0, abs=0.1)


def test_threads_that_start_traces_at_once_are_all_counted() -> None:
    """Eight threads, one key and many: every decision is counted once, and nothing raises."""
    sampler = OtelkitAdaptive(100, window_s=0.1, max_keys=20)
    stages = [Stage(f"s{number}", StageKind.FUNCTION) for number in range(40)]
    errors: list[BaseException] = []
    switch = sys.getswitchinterval()

    def work(seed: int) -> None:
        rng = random.Random(seed)
        try:
            for number in range(20_000):
                stage = stages[0] if number % 2 else rng.choice(stages)
                sampler.decide_root(rng.getrandbits(128), stage, "p", HERE)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)

    assert errors == []
    assert sum(entry.arrivals for entry in sampler.controller.table) == 160_000
    assert len(sampler.controller.table.entries) <= 20


def test_a_decision_waits_for_nobody() -> None:
    """While another thread works on the table, or hangs in it, traces are decided on with what there is."""
    sampler, traffic = adaptive(10)
    traffic.windows(lambda _: [1000.0], 3)
    with held_by_another_thread(sampler.controller._lock):
        windows = traffic.windows(lambda _: [1000.0, 5.0], 2)

    assert sum(windows[0].came) > 9000
    assert sum(windows[0].kept) < 200
    assert len(sampler.controller.table.entries) == 1


def test_a_forked_child_goes_on_with_what_was_learnt_and_counts_anew() -> None:
    """Even if it is forked while another thread holds the lock."""
    sampler = thinned()
    (entry,) = sampler.controller.table.entries.values()

    def child() -> list[float]:
        probability, before = entry.probability, entry.arrivals
        stage = Stage("s0", StageKind.FUNCTION)
        for number in range(100):
            sampler.decide_root(HIGH + number, stage, "p", HERE)
        sampler.decide_root(HIGH, PARSE, "p", HERE)  # takes the lock
        return [probability, before, entry.arrivals, len(sampler.controller.table.entries)]

    with held_by_another_thread(sampler.controller._lock):
        assert in_child(child) == [entry.probability, 0, 100, 2]
    assert entry.arrivals > 20_000


# -- state -------------------------------------------------------------------------------------------------------------


def restarted(path: Path) -> OtelkitAdaptive:
    return OtelkitAdaptive(10, state_path=path, clock=FakeClock())


def test_what_was_learnt_survives_a_restart(tmp_path: Path) -> None:
    """A key that was thinned is thinned from its first trace on; what is new is not."""
    path = tmp_path / "state" / "sampling.json"
    first = restarted(path)
    sampler, traffic = adaptive(10)
    sampler._state_path = path
    traffic.windows(lambda _: [1000.0, 0.1], 4)
    sampler.close()
    entries = restarted(path).controller.table.entries

    assert first.controller.table.entries == {}
    assert entries["p", "s0"].probability == pytest.approx(0.01, rel=0.1)
    assert entries["p", "s1"].probability == 1.0


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"otelkit_sampling_state": 2}', "\x00\xff", "[" * 100_000],
    ids=lambda text: repr(text[:12]),
)
def test_a_broken_state_is_named_and_ignored(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One error that names the file; the sampler learns anew, and the file is whole again at the end."""
    path = tmp_path / "sampling.json"
    path.write_text(text, encoding="latin-1")
    sampler = restarted(path)
    sampler.decide_root(HIGH, PARSE, "p", HERE)
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    sampler.close()

    assert len(logged) == 1
    assert str(path) in logged[0].getMessage()
    assert ("p", "parse") in restarted(path).controller.table.entries
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ["p", "negative", -1],
        ["p", "huge", 1e308],
        ["p", "none", math.nan],
        ["p", "no rate", True],
        ["p", 3, 1],
        "p",
        [],
    ],
    ids=str,
)
def test_rates_that_make_no_sense_are_named_and_left_out(
    wrong: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file of the right kind with wrong rows in it: the good ones count, and one error names the first of the others."""
    path = tmp_path / "sampling.json"
    path.write_text(json.dumps({"otelkit_sampling_state": 1, "otelkit_adaptive": [["p", "good", 5], wrong, wrong]}))
    entries = restarted(path).controller.table.entries

    assert {key: entry.rate.per_s for key, entry in entries.items()} == {("p", "good"): 5.0}
    (said,) = caplog.messages
    assert f"{path}, in which the part of otelkit_adaptive has what can't be used (2), first {wrong!r};" in said


def test_a_part_that_is_no_list_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And one that is not there, because another sampler has written the file, is not."""
    path = tmp_path / "sampling.json"
    path.write_text(json.dumps({"otelkit_sampling_state": 1, "otelkit_adaptive": {"p": 3}}))
    restarted(path)
    path.write_text(json.dumps({"otelkit_sampling_state": 1, "otelkit_tail": {}}))
    restarted(path)

    (said,) = caplog.messages
    assert "can't be used (1), first {'p': 3};" in said


def test_a_child_does_not_overwrite_its_parents_state(tmp_path: Path) -> None:
    """It has seen its own part only."""
    path = tmp_path / "sampling.json"
    sampler = restarted(path)

    def child() -> bool:
        sampler.decide_root(HIGH, PARSE, "p", HERE)
        sampler.close()
        return path.exists()

    assert in_child(child) is False
