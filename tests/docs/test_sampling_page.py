"""What the page about sampling shows, works."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.sampling import DEFAULT_ON

from otelkit._assembly.config_file import read_config_file
from otelkit._assembly.config_file_sampler import choose_for_file
from otelkit._assembly.sampler import ChosenSampler, choose_sampler
from otelkit._builtin.samplers import otelkit_samplers
from otelkit._builtin.setting_list import SETTINGS
from otelkit.model.blueprint import Offered
from otelkit.sampling.debug import OtelkitDebug
from otelkit.settings import FileSource, Settings, resolve
from tests.docs.test_examples import ROOT, blocks

PAGE = "docs/how-to/sampling.md"


def offered(settings: Settings) -> dict[str, Offered]:  # type: ignore[type-arg]  # of factories
    return {name: Offered("samplers", None, factory) for name, factory in otelkit_samplers(settings).items()}


def assert_is(chosen: ChosenSampler | None, name: str) -> None:
    """Nothing is wrong, nothing set in vain, and it is not the default."""
    assert chosen is not None
    assert (chosen.wanted.name, chosen.findings) == (name, ())
    assert isinstance(chosen.sampler, OtelkitDebug)
    assert chosen.sampler.within is not DEFAULT_ON


@pytest.mark.parametrize("block", blocks(PAGE, "toml"))
def test_each_settings_file_chooses_its_sampler(block: str) -> None:
    """Rules, rates and budgets as they stand there."""
    values = tomllib.loads(block)
    settings = resolve(SETTINGS, env={}, file=FileSource(None, "otelkit.toml", values))

    assert settings.mistakes == ()
    assert_is(choose_sampler(offered(settings), {}, settings), values["sampler"])


@pytest.mark.parametrize("block", blocks(PAGE, "sh"))
def test_each_command_chooses_its_sampler(block: str) -> None:
    """By what is set in front of it."""
    env = dict(re.findall(r"([A-Z_]+)=(\S+)", block))
    settings = resolve(SETTINGS, env=env)

    assert settings.mistakes == ()
    assert_is(choose_sampler(offered(settings), env, settings), "otelkit_tail")


def test_the_configuration_file_chooses_its_sampler(tmp_path: Path) -> None:
    """With the settings below `distribution.otelkit`."""
    (block,) = blocks(PAGE, "yaml")
    (tmp_path / "sdk.yaml").write_text(block)
    file = read_config_file({"OTEL_CONFIG_FILE": str(tmp_path / "sdk.yaml")})
    assert file is not None
    settings = resolve(SETTINGS, env={}, file=file.settings)

    assert settings.mistakes == ()
    assert_is(choose_for_file(file, offered(settings), {}, settings), "otelkit_rules")


def test_every_sampler_has_its_row() -> None:
    """And the table has no others."""
    rows = re.findall(r"^\| `(otelkit_\w+)` \|", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(rows) == sorted(otelkit_samplers(resolve(SETTINGS, env={})))
