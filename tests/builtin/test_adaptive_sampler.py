"""What the settings make of `otelkit_adaptive`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from otelkit._builtin.adaptive_sampler import adaptive_from
from otelkit._builtin.load_readings import load_from
from otelkit._builtin.setting_list import SETTINGS
from otelkit.errors import SettingsError
from otelkit.sampling.adaptive import OtelkitAdaptive
from otelkit.settings import Settings, resolve

PREFIX = "OTEL_PYTHON_OTELKIT_"


def settings(**given: str) -> Settings:
    resolved = resolve(SETTINGS, env={PREFIX + name.upper(): value for name, value in given.items()})
    assert resolved.mistakes == ()
    return resolved


def adaptive(argument: str | None = None, **given: str) -> OtelkitAdaptive:
    sampler = adaptive_from(argument, settings(**given))
    assert isinstance(sampler, OtelkitAdaptive)
    return sampler


@pytest.mark.requirement("TRC-19")
@pytest.mark.parametrize(
    ("argument", "given", "target"),
    [
        (None, {}, 10.0),
        ("", {}, 10.0),
        (None, {"sampling_target_per_s": "25"}, 25.0),
        ("50", {"sampling_target_per_s": "25"}, 50.0),
        (" 0.5 ", {}, 0.5),
    ],
)
def test_the_argument_is_the_target_and_wins(argument: str | None, given: dict[str, str], target: float) -> None:
    """Traces per second."""
    sampler = adaptive(argument, **given)

    assert sampler.controller.target_per_s == target
    assert sampler.get_description() == f"OtelkitAdaptive{{{target:g}/s}}"


@pytest.mark.parametrize("argument", ["0", "-5", "10%", "nan", "inf", "1e400", "ten", "1e10"])
def test_a_target_that_is_none_is_named_with_what_was_expected(argument: str) -> None:
    """And where it came from."""
    with pytest.raises(SettingsError, match="otelkit_adaptive; expected how many traces to keep per second") as caught:
        adaptive(argument)

    assert caught.value.setting == "OTEL_TRACES_SAMPLER_ARG"
    assert repr(argument) in str(caught.value)


def test_the_state_stays_where_it_was_when_the_program_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path is relative to where the program was started."""
    start, elsewhere = tmp_path / "start", tmp_path / "elsewhere"
    start.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(start)
    sampler = adaptive(sampling_state_path="learnt.json")
    os.chdir(elsewhere)
    sampler.close()

    assert (start / "learnt.json").exists()
    assert not list(elsewhere.iterdir())


def test_keys_are_bounded_by_the_setting() -> None:
    """`sampling_max_keys`."""
    sampler = adaptive(sampling_max_keys="3")
    for number in range(20):
        sampler.should_sample(None, 1 << 127, f"s{number}")

    assert len(sampler.controller.table.entries) == 3


@pytest.mark.requirement("TRC-35")
def test_load_is_measured_by_cpu_event_loops_and_queues() -> None:
    """Each is read, and is a share."""
    load = load_from(settings(sampling_load_limit="0.99"), in_loops=True)

    async def main() -> None:
        load.measure()

    asyncio.run(main())

    assert set(load.values) == {"cpu", "event loop", "queues"}
    assert all(0 <= value <= 1 for value in load.values.values())
