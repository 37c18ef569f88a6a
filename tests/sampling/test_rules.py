"""Sampling rules as people write them."""

from __future__ import annotations

import re

import pytest

from otelkit import names
from otelkit.errors import SettingsError
from otelkit.sampling.rules import parse_rate, parse_rules

SOURCE = "sampling_rules in otelkit.toml"


def mistakes_in(*texts: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        parse_rules(texts, SOURCE)
    assert caught.value.setting == "sampling_rules"
    return caught.value.mistakes


def test_a_rule_has_a_name_conditions_and_a_rate() -> None:
    """Without a name it is called by what it matches."""
    named, unnamed, rest = parse_rules(
        ("nightly: stage=load* pipeline=nightly -> 1/20", "http.route='/a b' kind=server → 0.5", "* -> 0"), SOURCE
    )

    assert (named.name, named.rate) == ("nightly", 0.05)
    assert named.matches({names.STAGE_NAME: "load.x", names.PIPELINE_NAME: "nightly"})
    assert not named.matches({names.STAGE_NAME: "load.x", names.PIPELINE_NAME: "daily"})
    assert unnamed.name == "http.route='/a b' kind=server"
    assert unnamed.conditions[0].holds({"http.route": "/a b"})
    assert (rest.name, rest.conditions, rest.rate) == ("*", (), 0.0)
    assert rest.matches({})


def test_quotes_hold_a_pattern_with_blanks_together_and_an_arrow_may_be_in_it() -> None:
    """The last arrow is the rule's own."""
    (rule,) = parse_rules(['"two words": name="a -> b" -> .5'], SOURCE)

    assert (rule.name, rule.rate) == ("two words", 0.5)
    assert rule.conditions[0].pattern == "a -> b"


@pytest.mark.parametrize(("text", "rate"), [("0", 0.0), (" 1 ", 1.0), (".25", 0.25), ("1/3", 1 / 3), ("1 / 4", 0.25)])
def test_a_rate_is_a_number_or_a_fraction(text: str, rate: float) -> None:
    """`1/20` says what `span_metrics` of the Collector weights exactly."""
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["1.4", "-0.1", "nan", "inf", "1e400", "2/1", "1/0", "half", "10%", ""])
def test_a_rate_out_of_range_is_a_mistake_and_nothing_is_guessed(text: str) -> None:
    """It names the rule, its number, the setting and its source."""
    (mistake,) = mistakes_in("* -> " + text)

    assert mistake.startswith(
        f"sampling_rules has {'* -> ' + text!r} (rule 1, from {SOURCE}): the rate is {text!r}; expected"
    )


def test_all_mistakes_in_all_rules_come_at_once() -> None:
    """Nobody has to start a program five times."""
    mistakes = mistakes_in(
        "stage=a -> 1.4",
        "stgae=b -> 2",
        "stage=c",
        "stage='d -> 1",
        "-> 1",
        "ok: stage=e -> 1",
        "stage=e pipeline=p -> 0",
    )

    assert [int(re.search(r"rule (\d+)", mistake)[1]) for mistake in mistakes] == [1, 2, 2, 3, 4, 5, 7]  # type: ignore[index]  # all have one
    for mistake, part in zip(
        mistakes,
        ("1.4", "the rate is '2'", "'stgae'", "no arrow", "quotation mark", "no condition", "never reached"),
        strict=True,
    ):
        assert part in mistake


def test_a_rule_that_is_never_reached_is_named_with_the_one_before_it() -> None:
    """By position, and by name."""
    (mistake,) = mistakes_in("loads: stage=load* -> 0.1", "stage=load.x pipeline=p -> 1")

    assert "(rule 2, from" in mistake
    assert "it is never reached, since rule 1 (loads) comes first" in mistake


def test_two_rates_for_the_same_traces_contradict_each_other() -> None:
    """Whatever the order of their conditions."""
    (mistake,) = mistakes_in("stage=a pipeline=b -> 0.1", "pipeline=b stage=a -> 0.5")

    assert "it contradicts rule 1, which gives the same traces the rate 0.1" in mistake


def test_two_rules_of_one_name_are_a_mistake() -> None:
    """The reason on a span would not say which one it was."""
    (mistake,) = mistakes_in("a: stage=x -> 0.1", "a: stage=y -> 0.1")

    assert "rule 1 has the name 'a' already" in mistake


@pytest.mark.parametrize(
    ("rule", "one", "other"),
    [
        ("stage=a stage=b", "stage=a", "stage=b"),
        ("stage=load* pipeline=p stage=a", "stage=a", "stage=load*"),
        ("stage=a stage!=a", "stage=a", "stage!=a"),
        ("name=a name~^b", "name=a", "name~^b"),
        ("kind=Server kind=client", "kind=Server", "kind=client"),
        ("customer.tier=go* customer.tier!=g*", "customer.tier=go*", "customer.tier!=g*"),
    ],
)
def test_a_rule_that_can_never_match_is_a_mistake(rule: str, one: str, other: str) -> None:
    """Otherwise its traces would silently be those of a later rule."""
    (mistake,) = mistakes_in(f"{rule} -> 1", "* -> 0.5")

    assert f"(rule 1, from {SOURCE}): it can never match, since {one!r} and {other!r} are never both true." in mistake


def test_conditions_that_can_hold_together_are_fine() -> None:
    """An attribute may have several values; patterns may overlap."""
    texts = (
        "app.tag=a app.tag=b -> 1",
        "app.tag=a app.tag!=b -> 1",
        "stage=a* stage=*b stage!=ab stage~c -> 1",
        "kind=server kind!=client -> 0",
    )

    assert len(parse_rules(texts, SOURCE)) == 4


def test_rules_that_overlap_are_fine() -> None:
    """The first that matches decides; that is what an order is for."""
    rules = parse_rules(("stage=load.x -> 1", "stage=load* -> 0.1", "pipeline=p -> 0.5", "* -> 0.01"), SOURCE)

    assert [rule.rate for rule in rules] == [1.0, 0.1, 0.5, 0.01]


def test_no_rule_at_all_is_a_mistake() -> None:
    """Who chooses the sampler wants rules."""
    assert mistakes_in() == ("sampling_rules is empty; expected at least one rule, like 'stage=health* -> 0'.",)
