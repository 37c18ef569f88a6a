"""Our samplers where somebody else makes them: by the SDK's entry points, or inside a configuration file."""

from __future__ import annotations

import logging
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Sampler

from otelkit._bootstrap import samplers
from otelkit._builtin.samplers import otelkit_samplers
from otelkit._builtin.setting_list import SETTINGS
from otelkit.sampling.debug import OtelkitDebug
from otelkit.sampling.ratio import OtelkitRatio
from otelkit.sampling.rules_sampler import OtelkitRules
from otelkit.settings import resolve

pytestmark = pytest.mark.sdk
_GROUPS = ("opentelemetry_traces_sampler", "opentelemetry_sampler")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OTEL_TRACES_SAMPLER_ARG", raising=False)


def within(sampler: Sampler) -> Sampler:
    assert isinstance(sampler, OtelkitDebug)
    return sampler.within


@pytest.mark.parametrize("group", _GROUPS)
def test_every_sampler_of_ours_is_in_both_groups(group: str) -> None:
    """By its name: who uses the SDK without otelkit's configurator chooses it the same way."""
    offered = set(otelkit_samplers(resolve(SETTINGS, env={})))
    installed = {entry.name for entry in entry_points(group=group) if entry.name.startswith("otelkit_")}

    assert installed == offered


@pytest.mark.parametrize("name", sorted(otelkit_samplers(resolve(SETTINGS, env={}))))
def test_each_can_be_made_without_anything_set_but_rules(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Both groups name the same function, which says what is missing."""
    made = entry_points(group=_GROUPS[0], name=name)[name].load()()

    assert isinstance(made, Sampler)
    assert [record.levelno for record in caplog.records] == ([logging.ERROR] if name == "otelkit_rules" else [])


def test_the_argument_comes_from_the_caller_or_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The declarative file calls with nothing."""
    given = within(samplers.otelkit_ratio("0.25"))
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    from_variable = within(samplers.otelkit_ratio())

    assert [sampler.ratio for sampler in (given, from_variable) if isinstance(sampler, OtelkitRatio)] == [0.25, 0.5]


def test_settings_come_from_the_nearest_file(tmp_path: Path) -> None:
    """As everywhere."""
    (tmp_path / "otelkit.toml").write_text('sampling_rules = ["stage=a -> 0"]\n')
    made = within(samplers.otelkit_rules("0.5"))

    assert isinstance(made, OtelkitRules)
    assert (made.rules[0].name, made.otherwise) == ("stage=a", 0.5)


def test_a_mistake_is_said_and_nothing_is_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What raises here takes all telemetry with it."""
    monkeypatch.setenv("OTEL_PYTHON_OTELKIT_SAMPLING_RULES", "stage=a -> 2,stage=b")
    monkeypatch.setenv("OTEL_PYTHON_OTELKIT_SAMPLING_ERROR_BUDGET_PER_S", "-1")
    made = within(samplers.otelkit_rules("often"))
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]

    assert made is DEFAULT_ON
    assert len(errors) == 4
    for error, part in zip(errors, ("sampling_error_budget_per_s is '-1'", "'often'", "rule 1", "rule 2"), strict=True):
        assert part in error
