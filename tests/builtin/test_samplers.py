"""The samplers offered by name."""

from __future__ import annotations

import logging
from importlib import import_module

import pytest

from otelkit._builtin.samplers import OwnSampler, otelkit_samplers
from otelkit._builtin.setting_list import SETTINGS
from otelkit.errors import SettingsError
from otelkit.sampling.ratio import OtelkitRatio
from otelkit.sampling.rules_sampler import OtelkitRules
from otelkit.settings import FileSource, Settings, resolve


def settings(**values: object) -> Settings:
    return resolve(SETTINGS, env={}, file=FileSource(None, "otelkit.toml", values))


def own(name: str, **values: object) -> OwnSampler:
    sampler = otelkit_samplers(settings(**values))[name]
    assert isinstance(sampler, OwnSampler)
    return sampler


@pytest.mark.parametrize(
    ("argument", "ratio"), [(None, 1.0), ("", 1.0), ("0.25", 0.25), (" 1 ", 1.0), ("0", 0.0), ("1/4", 0.25)]
)
def test_the_argument_is_the_ratio_and_every_trace_is_kept_without_one(argument: str | None, ratio: float) -> None:
    """As `OTEL_TRACES_SAMPLER_ARG` has it."""
    sampler = own("otelkit_ratio")(argument)

    assert isinstance(sampler, OtelkitRatio)
    assert sampler.ratio == ratio


@pytest.mark.requirement("CFG-07")
def test_without_an_argument_the_rate_that_somebody_has_set_counts() -> None:
    """The default of that setting is for `otelkit_tail`, which keeps what matters besides."""
    ratio = own("otelkit_ratio", sampling_normal_ratio=0.2)(None)
    rules = own("otelkit_rules", sampling_normal_ratio=0.2, sampling_rules=["stage=a -> 1"])(None)

    assert isinstance(ratio, OtelkitRatio)
    assert isinstance(rules, OtelkitRules)
    assert (ratio.ratio, rules.otherwise) == (0.2, 0.2)


@pytest.mark.parametrize(
    ("argument", "given"),
    [("1/4", {}), (None, {"sampling_normal_ratio": 0.25}), ("0.25", {"sampling_normal_ratio": 1.0})],
)
def test_a_share_without_rules_is_that_of_all_traces(
    argument: str | None, given: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """Never silently: rules that were forgotten are missed."""
    with caplog.at_level(logging.WARNING, "otelkit.settings"):
        sampler = own("otelkit_rules", **given)(argument)

    assert isinstance(sampler, OtelkitRules)
    assert (sampler.rules, sampler.otherwise) == ((), 0.25)
    assert sampler.get_description() == "OtelkitRules{no rules; otherwise 0.25}"
    (said,) = caplog.messages
    assert said.startswith("sampling_rules is empty")
    assert "Of all traces the share 0.25 is kept" in said


@pytest.mark.parametrize("argument", ["half", "1.5", "-0.1", "nan", "10%", "1/0"])
def test_a_wrong_argument_is_named_with_what_was_expected(argument: str) -> None:
    """The message names the variable, the value and the range."""
    with pytest.raises(SettingsError, match=r"OTEL_TRACES_SAMPLER_ARG is .*expected a number from 0 to 1") as caught:
        own("otelkit_ratio")(argument)

    assert caught.value.setting == "OTEL_TRACES_SAMPLER_ARG"
    assert repr(argument) in str(caught.value)


def test_each_sampler_is_there_and_says_which_settings_it_looks_at() -> None:
    """Its maker can be imported, and the settings are declared."""
    declared = {setting.name for setting in SETTINGS}
    for name in otelkit_samplers(settings()):
        module, _, function = own(name).made_by.partition(":")

        assert callable(getattr(import_module(module), function))
        assert set(own(name).reads) <= declared


def test_rules_and_argument_are_wrong_at_once() -> None:
    """All mistakes in one error."""
    with pytest.raises(SettingsError) as caught:
        own("otelkit_rules", sampling_rules=["stage=a", "stage=b -> 2"])("often")

    assert len(caught.value.mistakes) == 3


def test_every_setting_of_samplers_is_looked_at_by_one() -> None:
    """Besides those that choose a sampler, or stand around any."""
    read = {name for sampler in otelkit_samplers(settings()) for name in own(sampler).reads}
    around_any = {"sampling_debug", "sampling_debug_key"}

    assert read | around_any == {setting.name for setting in SETTINGS if setting.name.startswith("sampling_")}
