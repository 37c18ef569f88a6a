"""Which head sampler is asked for, and what is said when it can't be had."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)

from otelkit._assembly.sampler import ChosenSampler, choose_sampler
from otelkit._builtin.samplers import otelkit_samplers
from otelkit._builtin.setting_list import SETTINGS
from otelkit.errors import SettingsError
from otelkit.model.blueprint import Offered, SamplerFactory
from otelkit.model.checks import Severity
from otelkit.sampling.debug import OtelkitDebug
from otelkit.sampling.ratio import OtelkitRatio
from otelkit.sampling.rules_sampler import OtelkitRules
from otelkit.sampling.tail import OtelkitTail
from otelkit.settings import FileSource, resolve

pytestmark = pytest.mark.sdk

KEPT = "Every trace is kept until it is corrected."


def choose(
    env: Mapping[str, str] | None = None,
    in_file: Mapping[str, object] | None = None,
    others: Mapping[str, SamplerFactory] | None = None,
) -> ChosenSampler:
    env = env or {}
    file = FileSource(None, "otelkit.toml", in_file or {})
    settings = resolve(SETTINGS, env=env, file=file)
    offered = {name: Offered("plugin", "dist", factory) for name, factory in (others or {}).items()}
    own = {name: Offered("samplers", None, factory) for name, factory in otelkit_samplers(settings).items()}
    return choose_sampler({**own, **offered}, env, settings)


def within(chosen: ChosenSampler) -> Sampler:
    """Return the sampler inside the override for debugging."""
    assert isinstance(chosen.sampler, OtelkitDebug)
    return chosen.sampler.within


def test_without_a_wish_every_trace_is_kept() -> None:
    """`parentbased_always_on`, which is OpenTelemetry's default, too."""
    chosen = choose()

    assert (within(chosen), chosen.findings) == (DEFAULT_ON, ())
    assert (chosen.wanted.name, chosen.wanted.source) == ("parentbased_always_on", "default")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("always_off", ALWAYS_OFF), ("parentbased_always_off", DEFAULT_OFF), ("PARENTBASED_ALWAYS_ON", DEFAULT_ON)],
)
def test_the_standard_samplers_keep_their_meaning(name: str, expected: Sampler) -> None:
    """`OTEL_TRACES_SAMPLER` as specified, in any case."""
    assert within(choose({"OTEL_TRACES_SAMPLER": name})) is expected


def test_what_keeps_everything_needs_no_override() -> None:
    """Nothing is left for it to do."""
    assert choose({"OTEL_TRACES_SAMPLER": "always_on"}).sampler is ALWAYS_ON


@pytest.mark.parametrize(
    ("name", "kind"), [("traceidratio", TraceIdRatioBased), ("parentbased_traceidratio", ParentBased)]
)
def test_the_standard_ratio_is_the_argument(name: str, kind: type[Sampler]) -> None:
    """1 without one."""
    sampler = within(choose({"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": "0.25"}))

    assert isinstance(sampler, kind)
    assert "0.25" in sampler.get_description()
    assert "1.0" in within(choose({"OTEL_TRACES_SAMPLER": name})).get_description()


def test_the_variable_wins_over_the_setting() -> None:
    """`OTEL_*` comes first; the setting serves where it is not set."""
    by_setting = choose(in_file={"sampler": "otelkit_ratio", "sampling_normal_ratio": 0.5})
    by_variable = choose({"OTEL_TRACES_SAMPLER": "always_off"}, {"sampler": "otelkit_ratio"})

    assert by_setting.wanted.source == "sampler in otelkit.toml"
    assert isinstance(ratio := within(by_setting), OtelkitRatio)
    assert ratio.ratio == 0.5
    assert within(by_variable) is ALWAYS_OFF


def test_the_argument_wins_over_the_rate_that_is_set() -> None:
    """And a setting of ours over its older name."""
    env = {"OTEL_TRACES_SAMPLER": "otelkit_ratio", "TRACE_SAMPLE_RATE": "0.2"}
    by_alias = within(choose(env))
    by_name = within(choose({**env, "OTEL_PYTHON_OTELKIT_SAMPLING_NORMAL_RATIO": "0.3"}))
    by_argument = within(choose({**env, "OTEL_TRACES_SAMPLER_ARG": "1/10"}))

    assert [sampler.ratio for sampler in (by_alias, by_name, by_argument) if isinstance(sampler, OtelkitRatio)] == [
        0.2,
        0.3,
        0.1,
    ]


def test_an_offered_sampler_gets_its_argument() -> None:
    """A plugin's sampler is chosen by its name like every other."""
    given: list[str | None] = []

    def factory(argument: str | None) -> Sampler:
        given.append(argument)
        return ALWAYS_OFF

    chosen = choose({"OTEL_TRACES_SAMPLER": "mine", "OTEL_TRACES_SAMPLER_ARG": "3"}, others={"mine": factory})

    assert (within(chosen), given) == (ALWAYS_OFF, ["3"])


def _broken(argument: str | None) -> Sampler:
    raise RuntimeError("no such region")


def _two_mistakes(argument: str | None) -> Sampler:
    raise SettingsError(["mine is wrong.", "mine is wrong twice."])


def _no_sampler(argument: str | None) -> Any:
    return 7


@pytest.mark.parametrize(
    ("env", "offered", "said"),
    [
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "otelkit_ration"}, {},
            ["OTEL_TRACES_SAMPLER asks for the sampler 'otelkit_ration', which is not there. Did you mean otelkit_ratio?"],
            id="unknown",
        ),
        pytest.param(
            {"OTEL_PYTHON_OTELKIT_SAMPLER": "otelkit_rule"}, {},
            ["OTEL_PYTHON_OTELKIT_SAMPLER asks for the sampler 'otelkit_rule', which is not there."],
            id="unknown, by our setting",
        ),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.4"}, {},
            ["OTEL_TRACES_SAMPLER_ARG is '1.4', with the sampler traceidratio; expected a number from 0 to 1."],
            id="OpenTelemetry's ratio",
        ),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"}, {},
            ["OTEL_TRACES_SAMPLER_ARG is 'nan'"],
            id="no number",
        ),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "otelkit_ratio", "OTEL_TRACES_SAMPLER_ARG": "1.4"}, {},
            ["OTEL_TRACES_SAMPLER_ARG is '1.4', with the sampler otelkit_ratio; expected a number from 0 to 1, or a fraction"],
            id="our ratio",
        ),
        pytest.param(
            {
                "OTEL_TRACES_SAMPLER": "otelkit_rules",
                "OTEL_TRACES_SAMPLER_ARG": "often",
                "OTEL_PYTHON_OTELKIT_SAMPLING_RULES": "stage=a -> 1.4,stage=b->0,stage=b->1",
            },
            {},
            [
                "OTEL_TRACES_SAMPLER_ARG is 'often', with the sampler otelkit_rules",
                "sampling_rules has 'stage=a -> 1.4' (rule 1, from OTEL_PYTHON_OTELKIT_SAMPLING_RULES): the rate is '1.4'",
                "sampling_rules has 'stage=b->1' (rule 3, from OTEL_PYTHON_OTELKIT_SAMPLING_RULES): it contradicts rule 2",
            ],
            id="rules",
        ),
        pytest.param({"OTEL_TRACES_SAMPLER": "otelkit_rules"}, {}, ["sampling_rules is empty"], id="no rules"),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "mine", "OTEL_TRACES_SAMPLER_ARG": "3"}, {"mine": _broken},
            ["The sampler 'mine' (OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG='3') could not be made: RuntimeError: no such"],
            id="a factory that fails",
        ),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "mine"}, {"mine": _two_mistakes}, ["mine is wrong.", "mine is wrong twice."],
            id="a factory that knows what is wrong",
        ),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "mine"}, {"mine": _no_sampler}, ["made a int; expected a Sampler"], id="no sampler"
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_said_loudly_and_every_trace_is_kept(
    env: dict[str, str], offered: dict[str, SamplerFactory], said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """All mistakes at once, each an error that names the setting and its source; never a silent 100 %."""
    chosen = choose(env, others=offered).say()
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]

    assert within(chosen) is DEFAULT_ON
    assert len(errors) == len(said) == len(chosen.findings)
    for error, part in zip(errors, said, strict=True):
        assert part in error
        assert error.endswith(KEPT)
    assert {finding.severity for finding in chosen.findings} == {Severity.ERROR}


def test_rules_are_read_from_a_file_and_the_rest_has_the_argument() -> None:
    """One text each."""
    chosen = choose(
        {"OTEL_TRACES_SAMPLER": "otelkit_rules", "OTEL_TRACES_SAMPLER_ARG": "0.5"},
        {"sampling_rules": ["slow: stage=load* -> 1/20", "pipeline=nightly -> 0"]},
    )

    assert isinstance(sampler := within(chosen), OtelkitRules)
    assert [(rule.name, rule.rate) for rule in sampler.rules] == [("slow", 0.05), ("pipeline=nightly", 0.0)]
    assert sampler.otherwise == 0.5
    assert chosen.findings == ()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        pytest.param(
            {"OTEL_PYTHON_OTELKIT_SAMPLING_RULES": "* -> 0.1"},
            "sampling_rules is set (from OTEL_PYTHON_OTELKIT_SAMPLING_RULES), but the sampler in force, parentbased_always_on, "
            "does not look at it.",
            id="rules for nobody",
        ),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "otelkit_ratio", "OTEL_PYTHON_OTELKIT_SAMPLING_RULES": "* -> 0.1"},
            "but the sampler in force, otelkit_ratio, does not look at it.",
            id="rules for another sampler",
        ),
        pytest.param(
            {"OTEL_TRACES_SAMPLER_ARG": "0.1"},
            "OTEL_TRACES_SAMPLER_ARG is '0.1', but the sampler in force, parentbased_always_on, does not look at it.",
            id="an argument for nobody",
        ),
    ],
)
def test_what_the_sampler_in_force_does_not_look_at_is_named(
    env: dict[str, str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody believes that it samples."""
    chosen = choose(env).say()

    assert [finding.id for finding in chosen.findings] == ["sampler.setting_unused"]
    assert chosen.findings[0].what.endswith(said)
    assert "otelkit_rules" in chosen.findings[0].fix
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_strangers_sampler_may_look_at_anything() -> None:
    """Nothing is said of settings that it may read itself."""
    env = {"OTEL_TRACES_SAMPLER": "mine", "OTEL_PYTHON_OTELKIT_SAMPLING_RULES": "* -> 0.1"}

    assert choose(env, others={"mine": lambda argument: ALWAYS_OFF}).findings == ()


def test_the_override_goes_around_every_sampler() -> None:
    """By the setting, all traces are kept; without a key, there is none."""
    forced = choose({"OTEL_PYTHON_OTELKIT_SAMPLING_DEBUG": "true", "OTEL_TRACES_SAMPLER": "always_off"})
    # An empty variable counts as unset, so that the key can be taken away in a file only.
    without = choose(in_file={"sampling_debug_key": "", "sampler": "always_off"})

    assert forced.description == "OtelkitDebug{every trace}"
    assert without.sampler is ALWAYS_OFF


def test_a_description_that_fails_fails_nothing_else() -> None:
    """`otelkit plan` shows a stranger's words."""

    class Mute(TraceIdRatioBased):
        def get_description(self) -> str:
            raise RuntimeError("no words")

    chosen = choose({"OTEL_TRACES_SAMPLER": "mine"}, others={"mine": lambda argument: Mute(0.5)})

    assert "whose description failed: RuntimeError" in chosen.description


@pytest.mark.requirement("CFG-07")
@pytest.mark.requirement("CFG-08")
@pytest.mark.parametrize("variable", ["TRACE_SAMPLE_RATE", "ERROR_TRACE_SAMPLE_RATE"])
@pytest.mark.parametrize(("value", "source"), [("0.5", "{}"), ("1.4", "sampling_")])
def test_who_sets_a_rate_by_its_older_name_gets_the_sampler_that_knows_both(
    variable: str, value: str, source: str
) -> None:
    """A rate that nobody looks at would be a silent 100 %; also a wrong one, instead of which its default is in force."""
    chosen = choose({variable: value})

    assert isinstance(within(chosen), OtelkitTail)
    assert chosen.wanted.name == "otelkit_tail"
    assert chosen.wanted.source.startswith(source.format(variable))
    assert chosen.findings == ()


def test_a_sampler_that_is_asked_for_by_name_wins_over_a_rate() -> None:
    """And the rate of errors, which it can't know, is said to be for nothing."""
    chosen = choose(
        {"OTEL_TRACES_SAMPLER": "otelkit_ratio", "TRACE_SAMPLE_RATE": "0.5", "ERROR_TRACE_SAMPLE_RATE": "1"}
    )

    assert isinstance(within(chosen), OtelkitRatio)
    (finding,) = chosen.findings
    assert finding.what.startswith("sampling_error_ratio is set (from ERROR_TRACE_SAMPLE_RATE), but")
    assert "otelkit_tail" in finding.fix
