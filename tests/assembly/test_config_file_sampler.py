"""The sampler that a configuration file names."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, ParentBased, Sampler

from otelkit._assembly.config_file import ConfigFile, read_config_file
from otelkit._assembly.config_file_sampler import choose_for_file, chosen_where
from otelkit._assembly.sampler import ChosenSampler
from otelkit._builtin.samplers import otelkit_samplers
from otelkit._builtin.setting_list import SETTINGS
from otelkit.model.blueprint import Offered, SamplerFactory
from otelkit.sampling.debug import OtelkitDebug
from otelkit.sampling.ratio import OtelkitRatio
from otelkit.sampling.rules_sampler import OtelkitRules
from otelkit.settings import Settings, resolve

_PROVIDER = """
file_format: "1.0"
tracer_provider:
  processors:
    - simple:
        exporter:
          console:
"""


def read(folder: Path, sampler: str, settings: str = "") -> ConfigFile:
    path = folder / "sdk.yaml"
    ours = f"distribution:\n  otelkit:\n    {settings}\n" if settings else ""
    path.write_text(f"{_PROVIDER}{sampler}{ours}")
    file = read_config_file({"OTEL_CONFIG_FILE": str(path)})
    assert file is not None
    return file


def offered(settings: Settings, **others: SamplerFactory) -> dict[str, Offered[SamplerFactory]]:
    factories = {**otelkit_samplers(settings), **others}
    return {name: Offered("samplers", None, factory) for name, factory in factories.items()}


def choose(folder: Path, sampler: str, settings: str = "", **env: str) -> ChosenSampler | None:
    file = read(folder, sampler, settings)
    in_force = resolve(SETTINGS, env=env, file=file.settings)
    mine = {"mine": lambda argument: ALWAYS_OFF}
    return choose_for_file(file, offered(in_force, **mine), env, in_force)


def within(chosen: ChosenSampler | None) -> Sampler:
    assert chosen is not None
    assert isinstance(chosen.sampler, OtelkitDebug)
    return chosen.sampler.within


def test_a_sampler_of_ours_is_made_with_the_settings_in_the_same_file(tmp_path: Path) -> None:
    """OpenTelemetry would hand it none."""
    chosen = choose(tmp_path, "  sampler:\n    otelkit_rules:\n", 'sampling_rules: ["stage=a -> 1/4"]')

    assert isinstance(rules := within(chosen), OtelkitRules)
    assert [(rule.name, rule.rate) for rule in rules.rules] == [("stage=a", 0.25)]
    assert chosen is not None
    assert chosen.wanted.source == f"tracer_provider.sampler in {tmp_path / 'sdk.yaml'}"


def test_the_root_of_a_parent_based_one_is_found_and_a_strangers_becomes_parent_based(tmp_path: Path) -> None:
    """Ours believe parents by themselves."""
    nested = "  sampler:\n    parent_based:\n      root:\n        {}:\n"

    assert isinstance(within(choose(tmp_path, nested.format("otelkit_ratio"))), OtelkitRatio)
    assert isinstance(within(choose(tmp_path, nested.format("mine"))), ParentBased)
    assert within(choose(tmp_path, "  sampler:\n    mine:\n")) is ALWAYS_OFF


@pytest.mark.parametrize(
    "sampler",
    [
        "  sampler:\n    always_off:\n",
        "  sampler:\n    parent_based:\n      root:\n        trace_id_ratio_based:\n          ratio: 0.5\n",
        "  sampler:\n    parent_based:\n      root:\n        otelkit_ratio:\n      local_parent_sampled:\n        always_on:\n",
        "",
    ],
)
def test_what_opentelemetry_makes_itself_is_left_to_it(tmp_path: Path, sampler: str) -> None:
    """Its own samplers, and ours inside of more than a root."""
    assert choose(tmp_path, sampler) is None


def test_without_a_sampler_in_the_sdks_part_our_settings_choose(tmp_path: Path) -> None:
    """By name, or by a rate; OpenTelemetry's variables have no effect beside a configuration file."""
    by_name = choose(tmp_path, "", "sampler: otelkit_ratio", OTEL_TRACES_SAMPLER="always_off")
    by_rate = choose(tmp_path, "", "sampling_normal_ratio: 0.2")

    assert isinstance(within(by_name), OtelkitRatio)
    assert by_rate is not None
    assert by_rate.wanted.name == "otelkit_tail"


def test_an_unknown_sampler_costs_nothing_else_of_the_file(tmp_path: Path) -> None:
    """OpenTelemetry would set up nothing at all."""
    chosen = choose(tmp_path, "  sampler:\n    otelkit_rulse:\n")

    assert within(chosen) is DEFAULT_ON
    assert chosen is not None
    assert (
        "asks for the sampler 'otelkit_rulse', which is not there. Did you mean otelkit_rules?"
        in chosen.findings[0].what
    )


def test_settings_below_the_samplers_name_are_said_to_have_no_effect(tmp_path: Path) -> None:
    """They look as if they had."""
    chosen = choose(tmp_path, "  sampler:\n    otelkit_ratio:\n      ratio: 0.1\n")

    assert chosen is not None
    assert [finding.id for finding in chosen.findings] == ["sampler.setting_unused"]
    assert "gives otelkit_ratio the settings ratio" in chosen.findings[0].what
    assert "distribution.otelkit" in chosen.findings[0].fix


def test_what_would_be_in_force_is_said_in_words(tmp_path: Path) -> None:
    """For `otelkit plan`."""
    settings = resolve(SETTINGS, env={})
    stock = read(tmp_path, "  sampler:\n    always_off:\n")
    choice, findings = chosen_where(stock, offered(settings), {}, settings)

    assert (choice.name, choice.source, findings) == ("OpenTelemetry's own", str(tmp_path / "sdk.yaml"), ())
    without_file, _ = chosen_where(None, offered(settings), {"OTEL_TRACES_SAMPLER": "otelkit_ratio"}, settings)
    assert (without_file.name, without_file.source) == ("otelkit_ratio", "OTEL_TRACES_SAMPLER")
    assert without_file.description == "OtelkitDebug{otelkit.debug, else OtelkitRatio{1}}"
