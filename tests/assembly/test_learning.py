"""What samplers have learnt is written down at the end."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, StaticSampler

from otelkit._assembly.learning import have_remembered
from otelkit._builtin.samplers import OwnSampler
from otelkit._builtin.setting_list import SETTINGS
from otelkit.sampling.debug import with_debug
from otelkit.settings import resolve


class Learning(StaticSampler):
    """Counts how often it is closed; fails if told to."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(ALWAYS_ON._decision)
        self.closed = 0
        self._error = error

    def close(self) -> None:
        self.closed += 1
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("around", ["nothing", "debug", "parent-based", "both"])
def test_each_sampler_is_closed_once_wherever_it_stands(around: str) -> None:
    """Chosen by itself, behind the override for debugging, or inside a parent-based one."""
    learning = Learning()
    sampler: Sampler = learning
    if around in ("parent-based", "both"):
        sampler = ParentBased(sampler)
    if around in ("debug", "both"):
        sampler = with_debug(sampler, always=False, key="otelkit.debug")
    have_remembered(sampler)

    assert learning.closed == 1


def test_one_that_fails_is_said_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    """The program's end is not ours to fail."""
    learning = Learning(RuntimeError("no"))
    have_remembered(learning)

    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_samplers_that_learn_nothing_are_left_alone() -> None:
    """And no sampler at all."""
    have_remembered(ALWAYS_ON)
    have_remembered(None)


def test_the_step_of_a_sampler_is_not_the_samplers_to_end(caplog: pytest.LogCaptureFixture) -> None:
    """It has a `close` of another kind, which the chain calls."""
    tail = OwnSampler("otelkit._builtin.tail_sampler:tail_from", (), resolve(SETTINGS, env={}))(None)
    have_remembered(with_debug(tail, always=False, key="otelkit.debug"))

    assert caplog.records == []
