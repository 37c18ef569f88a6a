"""The policy that the settings make."""

from __future__ import annotations

import pytest

from otelkit._builtin.setting_list import SETTINGS
from otelkit.sampling.classes import Allowance, KeepPolicy, TraceClass
from otelkit.settings import resolve

PREFIX = "OTEL_PYTHON_OTELKIT_"


def test_the_defaults_of_the_settings_are_those_of_the_policy() -> None:
    """Who builds a judge without settings gets what the reference page says."""
    assert KeepPolicy() == KeepPolicy.of(resolve(SETTINGS, env={}))


@pytest.mark.requirement("TRC-17", "TRC-18", "TRC-19", "TRC-34")
def test_every_setting_arrives() -> None:
    """Rates, budgets, windows and limits are the user's."""
    env = {
        "SAMPLING_ERROR_RATIO": "0.9",
        "SAMPLING_ERROR_BUDGET_PER_S": "7",
        "SAMPLING_SLOW_RATIO": "0.5",
        "SAMPLING_SLOW_BUDGET_PER_S": "6",
        "SAMPLING_RARE_BUDGET_PER_S": "5",
        "SAMPLING_NORMAL_RATIO": "0.2",
        "SAMPLING_NORMAL_BUDGET_PER_S": "4",
        "SAMPLING_SLOW_QUANTILE": "0.9",
        "SAMPLING_SLOW_THRESHOLD_S": "1",
        "SAMPLING_RARE_WINDOW_S": "60",
        "SAMPLING_WINDOW_S": "2",
        "SAMPLING_BUDGET_PER_WINDOW": "11",
        "SAMPLING_MAX_KEYS": "12",
    }
    settings = resolve(SETTINGS, env={PREFIX + name: value for name, value in env.items()})

    assert settings.mistakes == ()
    assert KeepPolicy.of(settings) == KeepPolicy(
        error=Allowance(0.9, 7.0),
        slow=Allowance(0.5, 6.0),
        rare=Allowance(1.0, 5.0),
        normal=Allowance(0.2, 4.0),
        slow_quantile=0.9,
        slow_threshold_ns=1_000_000_000,
        rare_window_ns=60_000_000_000,
        window_ns=2_000_000_000,
        budget_per_window=11,
        max_keys=12,
    )


def test_the_argument_of_the_sampler_is_the_share_of_normal_traces() -> None:
    """``OTEL_TRACES_SAMPLER_ARG`` wins over the setting."""
    settings = resolve(SETTINGS, env={f"{PREFIX}SAMPLING_NORMAL_RATIO": "0.2"})

    assert KeepPolicy.of(settings, normal_ratio=0.0).normal == Allowance(0.0, 0.0)


def test_each_class_has_its_own_allowance() -> None:
    """None is mistaken for another."""
    policy = KeepPolicy(Allowance(0.1, 1), Allowance(0.2, 2), Allowance(0.3, 3), Allowance(0.4, 4))

    assert [policy.error, policy.rare, policy.slow, policy.normal] == [policy.allowance(kind) for kind in TraceClass]
