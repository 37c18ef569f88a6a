"""What the settings make of `otelkit_tail`."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from otelkit._builtin.setting_list import SETTINGS
from otelkit._builtin.tail_sampler import tail_from
from otelkit.errors import SettingsError
from otelkit.sampling.judgement import Judge
from otelkit.sampling.normal_share import NormalShare
from otelkit.sampling.ring import Ring
from otelkit.sampling.tail import OtelkitTail
from otelkit.sampling.tail_memory import RememberingTail
from otelkit.settings import Settings, resolve

PREFIX = "OTEL_PYTHON_OTELKIT_"


def settings(**given: str) -> Settings:
    resolved = resolve(SETTINGS, env={PREFIX + name.upper(): value for name, value in given.items()})
    assert resolved.mistakes == ()
    return resolved


def tail(argument: str | None = None, **given: str) -> OtelkitTail:
    sampler = tail_from(argument, settings(**given))
    assert isinstance(sampler, OtelkitTail)
    return sampler


def judge_of(sampler: OtelkitTail) -> Judge:
    judge = sampler.step.judge
    assert isinstance(judge, Judge)
    return judge


@pytest.mark.requirement("TRC-18", "TRC-19")
@pytest.mark.parametrize(("argument", "share"), [(None, 0.1), ("", 0.1), ("0.25", 0.25), ("1/20", 0.05), ("0", 0.0)])
def test_the_argument_is_the_share_of_normal_traces(argument: str | None, share: float) -> None:
    """Without one the setting holds."""
    assert judge_of(tail(argument)).policy.normal.ratio == pytest.approx(share)
    assert judge_of(tail(argument)).policy.error.ratio == 1.0


def test_all_mistakes_are_told_at_once() -> None:
    """A rate of 1.4, and a window that has no room in the buffer: both, with where they come from."""
    with pytest.raises(SettingsError) as caught:
        tail_from("1.4", settings(sampling_budget_per_window="500", sampling_buffer_traces="100"))
    rate, window = caught.value.mistakes

    assert "OTEL_TRACES_SAMPLER_ARG is '1.4'" in rate
    assert f"500 (from {PREFIX}SAMPLING_BUDGET_PER_WINDOW)" in window
    assert f"100 (from {PREFIX}SAMPLING_BUFFER_TRACES)" in window


def test_buffer_and_ring_share_the_memory_that_is_given() -> None:
    """Both together never hold more than the settings say; without a ring the buffer has it all."""
    both, alone = tail(), tail(sampling_retain_s="0")
    ring = both.step.retention

    assert isinstance(ring, Ring)
    assert ring._limit_bytes + both.step._buffer._limits.bytes == 32 * 1024 * 1024
    assert ring._limit_spans + both.step._buffer._limits.spans == 50_000
    assert alone.step.retention is None
    assert alone.step._buffer._limits.bytes == 32 * 1024 * 1024


def test_every_trigger_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are always looked for; errors and a signal where they are named."""
    monkeypatch.chdir(tmp_path)
    ring = tail(sampling_keep_on="OSError,ValueError", sampling_keep_signal="SIGUSR2").step.retention

    assert isinstance(ring, Ring)
    assert [type(trigger).__name__ for trigger in ring._triggers] == ["RequestTrigger", "ErrorTrigger", "SignalTrigger"]


def test_a_signal_is_handled_from_when_the_step_is_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan makes the sampler, too, and changes nothing in the program that asks for it."""
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGUSR2)
    try:
        step = tail(sampling_keep_signal="SIGUSR2").step
        planned = signal.getsignal(signal.SIGUSR2)
        step.joined()
        joined = signal.getsignal(signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)

    assert before == planned != joined


def test_with_a_path_what_was_learnt_is_remembered(tmp_path: Path) -> None:
    """Written at the orderly end."""
    path = tmp_path / "samplers.json"
    sampler = tail(sampling_state_path=str(path))

    assert isinstance(sampler, RememberingTail)

    sampler.close()

    assert path.exists()


@pytest.mark.requirement("TRC-35")
def test_the_load_of_the_process_counts() -> None:
    """The factor of normal traces comes from the load of this process."""
    assert isinstance(judge_of(tail())._normal_factor, NormalShare)


def test_the_lag_of_event_loops_is_not_measured_where_none_is_met() -> None:
    """Traces are judged by otelkit's own thread: a reading there would always say that no loop is behind."""
    factor = judge_of(tail())._normal_factor
    assert isinstance(factor, NormalShare)
    factor._load.measure()

    assert set(factor._load.values) == {"cpu", "queues"}
